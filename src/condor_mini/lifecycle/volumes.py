"""The volumes that new nodes bring along, and the mark of what is made together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse
from condor_mini.base.layout import LABEL
from condor_mini.engine import BindMount, ScratchMount, VolumeMount
from condor_mini.nodes.holdings import volume_of
from condor_mini.nodes.node import believed, pool_nodes
from condor_mini.nodes.state import node_volumes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from condor_mini.engine import Engine
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.planned_node import PlannedNode

Labels = dict[str, str]
Mount = BindMount | VolumeMount | ScratchMount

MAKING_LABEL = f"{LABEL}.making"
"""On what was made together, and goes together if it fails."""


def with_volumes(engine: Engine, nodes: Sequence[PlannedNode], labels: Labels) -> list[PlannedNode]:
    """The same nodes, which bring those of their volumes with them that are not there, empty.

    Args:
        engine: Where.
        nodes: Of one pool.
        labels: Of all that the pool has.

    Raises:
        AlreadyInUse: One is there and not the pool's.
    """
    volumes = engine.volumes({})
    there = {volume.name for volume in volumes}
    pool = labels[f"{LABEL}.pool"]
    ours = {volume.name for volume in believed(volume_of, volumes) if volume.pool == pool}
    absent = {}
    for name, of_node in node_volumes(nodes).items():
        if name not in there:
            absent[name] = {**labels, **of_node}
        elif name not in ours:
            raise AlreadyInUse(
                f"there is a volume {name}, and it is no pool's",
                hint="Choose another name: condor-mini create -n NAME. Or remove the volume.",
            )

    def bringing(mount: Mount) -> Mount:
        if isinstance(mount, VolumeMount) and mount.volume in absent:
            return replace(mount, labels=absent[mount.volume])
        return mount

    return [
        replace(
            node,
            container=replace(node.container, mounts=tuple(map(bringing, node.container.mounts))),
        )
        for node in nodes
    ]


def labelled(nodes: Iterable[PlannedNode], labels: Labels) -> list[PlannedNode]:
    """The same nodes, with the mark of those that are made together."""
    mark = {MAKING_LABEL: labels[MAKING_LABEL]}
    return [
        replace(node, container=replace(node.container, labels={**node.container.labels, **mark}))
        for node in nodes
    ]


def made_together(engine: Engine, pool: str, labels: Mapping[str, str]) -> list[Node]:
    """Return the nodes of a pool that bear the same mark as ``labels``."""
    mark = labels[MAKING_LABEL]
    nodes = pool_nodes(engine, pool)
    return [node for node in nodes if node.info.labels.get(MAKING_LABEL) == mark]
