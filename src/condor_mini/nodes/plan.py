"""The plan of a pool: pure functions from a spec to each node's container and files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from condor_mini.base.layout import (
    CONFIG_DIRECTORY,
    LABEL,
    SPOOL,
    USER_IDS,
)
from condor_mini.base.series import catalogue
from condor_mini.engine import BindMount, ContainerSpec, PublishedPort, ScratchMount, VolumeMount
from condor_mini.images import user_images
from condor_mini.nodes import condor_config, custom_image, exposure, forwarding
from condor_mini.nodes.accounts import USER_LABEL
from condor_mini.nodes.certificates import CERTIFICATES, variables_for
from condor_mini.nodes.node import (
    ADDRESS,
    EXPOSED,
    HOST,
    JOINED,
    ONE_USER,
    OWN_IMAGE,
    SPEC,
    Role,
    node_name,
    pool_labels,
)
from condor_mini.nodes.planned_node import CONFIGURATION, PlannedNode
from condor_mini.nodes.state import STATE
from condor_mini.spec import EMBEDDED
from condor_mini.spec import Group as SpecGroup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from condor_mini.spec import AccessPoints, ExecutionPoints, PoolSpec
    from condor_mini.spec import Node as NodeSpec

Group = TypeVar("Group", bound="AccessPoints | ExecutionPoints")

_CONFIG = CONFIG_DIRECTORY.lstrip("/")
POOL_CONFIG = f"{_CONFIG}/40-pool"
NODE_CONFIG = f"{_CONFIG}/60-node"


SERIES_NOTE = f"{SPOOL}/htcondor-series"
"""The file where a node's entrypoint notes which series of HTCondor has written its spool."""
_SCRATCH = (CONFIGURATION, "/home", "/run", "/tmp", "/var/lib/condor", "/var/tmp")  # noqa: S108
SCRATCH: Mapping[Role, tuple[str, ...]] = {
    Role.CENTRAL_MANAGER: _SCRATCH,
    Role.ACCESS_POINT: _SCRATCH,
    Role.EXECUTION_POINT: (*_SCRATCH, SPOOL),
}
"""The writable directories of a read-only node that are lost with its container.

The directories of ``STATE`` are writable, too, and are kept. All of them are on disk: files in
memory would count as the node's memory.
"""

CAPABILITIES = {
    Role.CENTRAL_MANAGER: ("SETUID", "SETGID", "CHOWN", "DAC_OVERRIDE"),
    Role.ACCESS_POINT: ("SETUID", "SETGID", "CHOWN", "DAC_OVERRIDE"),
    Role.EXECUTION_POINT: ("SETUID", "SETGID", "CHOWN", "DAC_OVERRIDE", "KILL"),
}
"""The smallest set of capabilities that each role works with: docs/reference/privileges.md."""


def planned_nodes(spec: PoolSpec) -> list[PlannedNode]:
    """Return all nodes of a pool: central manager, access points, execution points.

    Nodes that join a pool on another host have their central manager there.
    """
    managers = [] if spec.joins else [planned_node(spec, Role.CENTRAL_MANAGER, "", 0)]
    return [
        *managers,
        *(
            planned_node(spec, Role.ACCESS_POINT, group.name, number)
            for number, group in _numbered(spec.access_points)
        ),
        *(
            planned_node(spec, Role.EXECUTION_POINT, group.name, number)
            for number, group in _numbered(spec.execution_points)
        ),
    ]


def planned_node(spec: PoolSpec, role: Role, group: str, number: int) -> PlannedNode:
    """Return one node of a pool.

    Args:
        spec: Spec of the pool.
        role: Role of the node.
        group: Name of the node's group in the pool file; empty for the central manager.
        number: Number of the node within its role; 0 for the central manager.
    """
    match role:
        case Role.CENTRAL_MANAGER:
            config = condor_config.central_manager_config(spec)
            return _planned(spec, role, number, spec.central_manager, group=group, config=config)
        case Role.ACCESS_POINT:
            access_points = next(each for each in spec.access_points if each.name == group)
            config = condor_config.access_point_config(spec, access_points)
            node = _planned(spec, role, number, access_points, group=group, config=config)
            return _with_image(node, access_points.image)
        case Role.EXECUTION_POINT:
            points = next(each for each in spec.execution_points if each.name == group)
            config = condor_config.execution_point_config(spec, points)
            slots = points.slots or 1
            node = _planned(spec, role, number, points, group=group, config=config, slots=slots)
            return _with_image(node, points.image)
        case Role.PERSONAL_POOL:
            raise ValueError("a personal pool is made of options, not of a spec")


def _with_image(node: PlannedNode, image: str | None) -> PlannedNode:
    if image is None:
        return node
    container = custom_image.container_of(node.container, image, role=str(node.role))
    return replace(node, container=container)


def _numbered(groups: Iterable[Group]) -> Iterator[tuple[int, Group]]:
    """Return each node's number and group; the numbers continue from group to group."""
    each = (group for group in groups for _ in range(group.count))
    return enumerate(each, start=1)


def _planned(
    spec: PoolSpec,
    role: Role,
    number: int,
    node: NodeSpec,
    *,
    group: str,
    config: str,
    slots: int = 0,
) -> PlannedNode:
    name = node_name(spec.name, role, number)
    host = (node.host or "") if isinstance(node, SpecGroup) else ""
    port = forwarding.port_of(spec, role, number)
    forwarded = (PublishedPort(container_port=port, host_port=port),) if port else ()
    address = exposure.listens_at(spec, host)
    # Nodes without an engine have no accounts of their own.
    user = USER_IDS if host == EMBEDDED else spec.user_ids
    labels = {
        **pool_labels(spec.name),
        f"{LABEL}.role": str(role),
        f"{LABEL}.number": str(number),
        f"{LABEL}.group": group,
        f"{LABEL}.series": spec.htcondor,
        # The pool's only record, so that `start`, `scale` and `status` need no file. Other nodes
        # set it to nothing: if a label is left out, that of the image applies.
        SPEC: spec.to_json() if role is Role.CENTRAL_MANAGER or spec.joins else "",
        OWN_IMAGE: "",
        ONE_USER: "",
        USER_LABEL: ":".join(map(str, user)),
        forwarding.PORT: str(port or ""),
        ADDRESS: address,
        EXPOSED: str(spec.expose or ""),
        JOINED: str(spec.joins.central_manager) if spec.joins else "",
        HOST: host,
    }
    container = ContainerSpec(
        image=user_images.reference(role, catalogue().get(spec.htcondor), user),
        name=name,
        # HTCondor stores the host name in the queue and in its ads, so it must not change.
        hostname=name,
        network=spec.name,
        environment={
            "PROFILE": spec.profile,
            **variables_for(CERTIFICATES),
            **spec.environment,
            **node.environment,
            **({exposure.ADDRESS_VARIABLE: address} if address else {}),
        },
        labels={**spec.labels, **node.labels, **labels},
        mounts=tuple(_mounts(spec, node, role, name)),
        read_only=node.is_read_only,
        ports=(
            *forwarded,
            *(() if host else exposure.published(spec, role, number)),
            *(
                PublishedPort(
                    container_port=own.container_port, host_port=own.host_port, host_ip=own.host_ip
                )
                for own in node.ports
            ),
        ),
        cap_drop=("ALL",),
        cap_add=CAPABILITIES[role],
        no_new_privileges=True,
        cpus=node.limit.cpus,
        memory_mb=node.limit.memory_mb,
        pids=node.limit.processes,
        host=host,
    )
    is_manager = role is Role.CENTRAL_MANAGER
    pool_config = condor_config.pool_config(spec, is_central_manager=is_manager)
    files = {
        POOL_CONFIG: pool_config,
        **forwarding.config(spec, role, number),
        **exposure.config(spec, role, number, host),
        NODE_CONFIG: config,
    }
    return PlannedNode(role=role, slots=slots, container=container, files=files)


def _mounts(
    spec: PoolSpec, node: NodeSpec, role: Role, name: str
) -> Iterator[BindMount | VolumeMount | ScratchMount]:
    wanted = [(volume.source, volume.target, volume.read_only) for volume in node.volumes]
    if spec.shared:
        wanted.append((spec.shared.source or "shared", spec.shared.path, False))
    wanted += [(path, path, False) for path in spec.mounts]
    for source, target, read_only in wanted:
        if source.startswith("/"):
            yield BindMount(source=Path(source), target=target, read_only=read_only)
        else:
            yield VolumeMount(volume=f"{spec.name}-{source}", target=target, read_only=read_only)
    for volume, target in STATE[role].items():
        yield VolumeMount(volume=f"{name}-{volume}", target=target)
    if node.is_read_only:
        labels = {**spec.labels, **pool_labels(spec.name)}
        for target in sorted(set(SCRATCH[role]).difference(target for _, target, _ in wanted)):
            yield ScratchMount(target=target, labels=labels)
