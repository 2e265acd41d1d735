"""The volumes that are created with new nodes, and the label of nodes that are created together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse
from condor_mini.base.layout import LABEL
from condor_mini.engine import BindMount, ScratchMount, VolumeMount
from condor_mini.nodes.holdings import volume_of
from condor_mini.nodes.node import believed, pool_nodes
from condor_mini.nodes.placement import changed_by_host
from condor_mini.nodes.state import node_volumes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from condor_mini.engine import Engine
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.planned_node import PlannedNode

Labels = dict[str, str]
Mount = BindMount | VolumeMount | ScratchMount

MAKING_LABEL = f"{LABEL}.making"
"""The label whose value is shared by all that is created, and on failure removed, together."""


def with_volumes(engine: Engine, nodes: Sequence[PlannedNode], labels: Labels) -> list[PlannedNode]:
    """Return the nodes, each with an empty volume for every one that does not exist yet.

    Args:
        engine: Engine that the pool is on.
        nodes: Nodes of one pool.
        labels: Labels for every new volume, the pool's among them.

    Raises:
        AlreadyInUse: A volume of that name exists and does not belong to the pool.
    """
    return changed_by_host(engine, nodes, lambda there, some: _with_volumes(there, some, labels))


def _with_volumes(
    engine: Engine, nodes: Sequence[PlannedNode], labels: Labels
) -> list[PlannedNode]:
    volumes = engine.volumes({})
    existing = {volume.name for volume in volumes}
    pool = labels[f"{LABEL}.pool"]
    ours = {volume.name for volume in believed(volume_of, volumes) if volume.pool == pool}
    absent = {}
    for name, node_labels in node_volumes(nodes).items():
        if name not in existing:
            absent[name] = {**labels, **node_labels}
        elif name not in ours:
            raise AlreadyInUse(
                f"there is a volume {name}, and it is no pool's",
                hint="Choose another name: condor-mini create -n NAME. Or remove the volume.",
            )

    def with_labels(mount: Mount) -> Mount:
        if isinstance(mount, VolumeMount) and mount.volume in absent:
            return replace(mount, labels=absent[mount.volume])
        return mount

    return [
        replace(
            node,
            container=replace(
                node.container, mounts=tuple(map(with_labels, node.container.mounts))
            ),
        )
        for node in nodes
    ]


def labelled(nodes: Iterable[PlannedNode], labels: Labels) -> list[PlannedNode]:
    """Return the nodes with the ``MAKING_LABEL`` of ``labels`` added."""
    mark = {MAKING_LABEL: labels[MAKING_LABEL]}
    return [
        replace(node, container=replace(node.container, labels={**node.container.labels, **mark}))
        for node in nodes
    ]


def made_together(engine: Engine, pool: str, labels: Mapping[str, str]) -> list[Node]:
    """Return the nodes of a pool that have the same ``MAKING_LABEL`` as ``labels``."""
    mark = labels[MAKING_LABEL]
    nodes = pool_nodes(engine, pool)
    return [node for node in nodes if node.info.labels.get(MAKING_LABEL) == mark]
