"""What a specification comes to: each node's container and files; pure functions."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from condor_mini import condor_config, images, own_image
from condor_mini.engine import (
    BindMount,
    ContainerSpec,
    PublishedPort,
    ScratchMount,
    VolumeMount,
)
from condor_mini.nodes import (
    HOME,
    LABEL,
    ONE_USER,
    OWN_IMAGE,
    SPEC,
    TOKENS,
    USER,
    Role,
    node_name,
    pool_labels,
)
from condor_mini.own_image import FIRST_UID
from condor_mini.series import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from condor_mini.engine import EngineInfo
    from condor_mini.spec import AccessPoints, ExecutionPoints, PoolSpec
    from condor_mini.spec import Node as NodeSpec

Group = TypeVar("Group", bound="AccessPoints | ExecutionPoints")

POOL_CONFIG = "etc/condor/config.d/40-pool"
ONE_USER_CONFIG = "etc/condor/config.d/25-one-user"
LIMITED_CONFIG = "etc/condor/config.d/25-limited"
NODE_CONFIG = "etc/condor/config.d/60-node"
TOKEN_FILES = (f"{TOKENS.lstrip('/')}/node", "etc/condor/users-token")
"""Where the tokens of a node are, the one of its users the second: renew-tokens."""

CONFIGURATION = "/etc/condor"
"""What a read-only node is given before its start lies below this; of others, anywhere."""
_SPOOL, _KEY = "/var/spool/condor", "/etc/condor/passwords.d"
_LOG = "/var/log/condor"
STATE: Mapping[Role, Mapping[str, str]] = {
    Role.CENTRAL_MANAGER: {"spool": _SPOOL, "key": _KEY, "tokens": TOKENS, "log": _LOG},
    Role.ACCESS_POINT: {"spool": _SPOOL, "home": HOME, "key": _KEY, "tokens": TOKENS, "log": _LOG},
    Role.EXECUTION_POINT: {"tokens": TOKENS, "log": _LOG},
}
"""What of a node outlives its container: the place of each of its volumes, by the volume's name.

The labels of any are the record that there is such a node. That a container is this node, the
volume with its tokens shows: ``nodes.node_of``.
"""
SERIES_NOTE = f"{_SPOOL}/htcondor-series"
"""Where a node's entrypoint notes which series of HTCondor has written its spool."""
_SCRATCH = (CONFIGURATION, "/home", "/run", "/tmp", "/var/lib/condor", "/var/tmp")  # noqa: S108
SCRATCH: Mapping[Role, tuple[str, ...]] = {
    Role.CENTRAL_MANAGER: _SCRATCH,
    Role.ACCESS_POINT: _SCRATCH,
    Role.EXECUTION_POINT: (*_SCRATCH, _SPOOL),
}
"""What of a read-only node can be written and goes with its container, beside ``STATE``.

All of it is on disk: in memory what jobs write would count as the node's memory.
"""
_OWNERS = {
    _SPOOL: (0, 0o755),
    _LOG: (0, 0o755),
    HOME: (FIRST_UID, 0o700),
    _KEY: (0, 0o700),
    TOKENS: (0, 0o700),
}
"""Who has these at first, and their modes; the entrypoint gives to the daemons what is theirs."""

CAPABILITIES = {
    Role.CENTRAL_MANAGER: ("SETUID", "SETGID", "CHOWN", "DAC_OVERRIDE"),
    Role.ACCESS_POINT: ("SETUID", "SETGID", "CHOWN", "DAC_OVERRIDE"),
    Role.EXECUTION_POINT: ("SETUID", "SETGID", "CHOWN", "DAC_OVERRIDE", "KILL"),
}
"""The least that each role works with: docs/reference/privileges.md."""

LEAST_PROCESSES = 1024
"""Of an execution point that names no limit, so that a job cannot fork without end: as many as
HTCondor was seen to remove again on two cores."""
PROCESSES_PER_CORE = 512
"""The least of that for each core of the engine's: programs have threads for each."""
PROCESSES_PER_SLOT = 16
"""The least of that for each static slot: a starter, and what a job may well start."""


@dataclass(frozen=True, kw_only=True)
class PlannedNode:
    """A node that is to be."""

    role: Role
    slots: int
    """How many slot ads it has when no job runs."""
    container: ContainerSpec
    files: Mapping[str, str]
    """What is put into it before its start, by path without the leading slash."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.container.name

    @property
    def pool(self) -> str:
        """The name of its pool."""
        return self.container.labels[f"{LABEL}.pool"]

    @property
    def group(self) -> str:
        """The group of the pool file that it belongs to; empty for the central manager."""
        return self.container.labels[f"{LABEL}.group"]

    @property
    def number(self) -> int:
        """Its number within its role; 0 for the central manager."""
        return int(self.container.labels[f"{LABEL}.number"])

    @property
    def series(self) -> str:
        """Its series of HTCondor."""
        return self.container.labels[f"{LABEL}.series"]

    @property
    def archive_at(self) -> str:
        """The directory of the node that ``archive`` is for."""
        return CONFIGURATION if self.container.read_only else "/"

    @property
    def has_own_image(self) -> bool:
        """Whether it is of an image of the user's own."""
        return bool(self.container.labels[OWN_IMAGE])


def planned_nodes(spec: PoolSpec) -> list[PlannedNode]:
    """All nodes of a pool: central manager, access points, execution points."""
    return [
        planned_node(spec, Role.CENTRAL_MANAGER, "", 0),
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
    """The node of that role and number, of a group of the pool file."""
    match role:
        case Role.CENTRAL_MANAGER:
            config = condor_config.central_manager_config(spec)
            return _planned(spec, role, number, spec.central_manager, group=group, config=config)
        case Role.ACCESS_POINT:
            access_points = next(each for each in spec.access_points if each.name == group)
            config = condor_config.access_point_config(spec, access_points)
            return _planned(spec, role, number, access_points, group=group, config=config)
        case Role.EXECUTION_POINT:
            points = next(each for each in spec.execution_points if each.name == group)
            config = condor_config.execution_point_config(spec, points)
            slots = points.slots or 1
            node = _planned(spec, role, number, points, group=group, config=config, slots=slots)
            if points.image is None:
                return node
            return replace(node, container=own_image.container_of(node.container, points.image))


def fitted(
    nodes: Iterable[PlannedNode], engine: EngineInfo, *, one_user: bool | None = None
) -> list[PlannedNode]:
    """The same nodes, as the engine can have them.

    Args:
        nodes: Of one pool.
        engine: That is to have them.
        one_user: Whether all their processes are one user's, as those of the pool's other nodes
            are; None for what the engine can.
    """
    if one_user is None:
        one_user = not engine.many_users
    if one_user:
        nodes = [_for_one_user(node) for node in nodes]
    if not engine.read_only_roots:
        nodes = [_writable(node) for node in nodes]
    if "pids" in engine.limits:
        nodes = [_limited(node, engine.cpus) for node in nodes]
    return list(nodes)


def _for_one_user(node: PlannedNode) -> PlannedNode:
    """The same node, for an engine whose containers have no users of their own."""
    labels = {**node.container.labels, ONE_USER: "true"}
    return replace(
        node,
        container=replace(node.container, user=USER, as_caller=True, labels=labels),
        files={ONE_USER_CONFIG: condor_config.one_user_config(), **node.files},
    )


def _writable(node: PlannedNode) -> PlannedNode:
    """The same node, for an engine whose containers have roots that can be written."""
    mounts = tuple(mount for mount in node.container.mounts if not isinstance(mount, ScratchMount))
    return replace(node, container=replace(node.container, read_only=False, mounts=mounts))


def _limited(node: PlannedNode, cores: int) -> PlannedNode:
    """The same node, for an engine that limits processes: one where jobs run has such a limit."""
    if node.role is not Role.EXECUTION_POINT:
        return node
    default = max(LEAST_PROCESSES, PROCESSES_PER_CORE * cores, PROCESSES_PER_SLOT * node.slots)
    return replace(
        node,
        container=replace(node.container, pids=node.container.pids or default),
        files={LIMITED_CONFIG: condor_config.limited_config(), **node.files},
    )


def volumes(nodes: Iterable[PlannedNode]) -> dict[str, dict[str, str]]:
    """The volumes that these nodes have for themselves or share, by name: the labels of each.

    One that keeps a node's state says which node that is.
    """
    found: dict[str, dict[str, str]] = {}
    for node in nodes:
        own = state_volumes(node)
        of_node = {key: node.container.labels[key] for key in _WHICH_NODE}
        for mount in node.container.mounts:
            if isinstance(mount, VolumeMount):
                found[mount.volume] = of_node if mount.volume in own else {}
    return found


_WHICH_NODE = (f"{LABEL}.role", f"{LABEL}.number", f"{LABEL}.group")


def state_volumes(node: PlannedNode) -> list[str]:
    """The names of the volumes that keep a node's state."""
    return [f"{node.name}-{name}" for name in STATE[node.role]]


def user_volumes(node: PlannedNode) -> list[str]:
    """Where a node sees volumes that are not its state, and are to be written by all its users."""
    return [
        mount.target
        for mount in node.container.mounts
        if isinstance(mount, VolumeMount)
        and not mount.read_only
        and mount.volume not in state_volumes(node)
    ]


def archive(
    node: PlannedNode, *, tokens: Sequence[str] = (), more: Mapping[str, bytes] | None = None
) -> bytes:
    """What a node gets before its start, as a tar for ``PlannedNode.archive_at``.

    It holds its files; and for one that is not read-only, the owners and modes of volumes. Of the
    others an engine takes them from the image, and ``user_volumes`` are to be seen to.

    Args:
        node: Which.
        tokens: Its own, and its users', if it has such.
        more: Other files, by path; scripts among them can be run.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for mount in () if node.container.read_only else node.container.mounts:
            if isinstance(mount, VolumeMount) and not mount.read_only:
                # An engine makes them root's own.
                entry = tarfile.TarInfo(mount.target.strip("/"))
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
                if mount.volume in state_volumes(node):
                    entry.uid, entry.mode = _OWNERS[mount.target]
                    entry.gid = entry.uid
                tar.addfile(entry)
        ours = {path: text.encode() for path, text in node.files.items()}
        for path, content in {**(more or {}), **ours}.items():
            mode = 0o755 if content.startswith(b"#!") else 0o644
            _add(tar, path, content, mode, at=node.archive_at)
        _add_tokens(tar, tokens, at=node.archive_at)
    return buffer.getvalue()


def tokens_archive(tokens: Sequence[str]) -> bytes:
    """The same for a node that is there, and gets other tokens only: for ``CONFIGURATION``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        _add_tokens(tar, tokens, at=CONFIGURATION)
    return buffer.getvalue()


def _add_tokens(tar: tarfile.TarFile, tokens: Sequence[str], *, at: str) -> None:
    for path, token in zip(TOKEN_FILES, tokens, strict=False):
        _add(tar, path, f"{token}\n".encode(), 0o600, at=at)


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int, *, at: str) -> None:
    entry = tarfile.TarInfo(str(PurePosixPath("/", path).relative_to(at)))
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _numbered(groups: Iterable[Group]) -> Iterator[tuple[int, Group]]:
    """Each node's number and group: numbers go on from group to group."""
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
    labels = {
        **pool_labels(spec.name),
        f"{LABEL}.role": str(role),
        f"{LABEL}.number": str(number),
        f"{LABEL}.group": group,
        f"{LABEL}.series": spec.htcondor,
        # The pool's only record: `start`, `scale` and `status` need no file. Others have none, and
        # say so: a label that is left out is the image's, if that has one.
        SPEC: spec.to_json() if role is Role.CENTRAL_MANAGER else "",
        OWN_IMAGE: "",
        ONE_USER: "",
    }
    container = ContainerSpec(
        image=images.reference(role, catalogue().get(spec.htcondor)),
        name=name,
        # The same at every start: HTCondor stores it in the queue and in its ads.
        hostname=name,
        network=spec.name,
        environment={**spec.environment, **node.environment},
        labels={**spec.labels, **node.labels, **labels},
        mounts=tuple(_mounts(spec, node, role, name)),
        read_only=node.is_read_only,
        ports=tuple(
            PublishedPort(
                container_port=port.container_port, host_port=port.host_port, host_ip=port.host_ip
            )
            for port in node.ports
        ),
        cap_drop=("ALL",),
        cap_add=CAPABILITIES[role],
        no_new_privileges=True,
        cpus=node.limit.cpus,
        memory_mb=node.limit.memory_mb,
        pids=node.limit.processes,
    )
    is_manager = role is Role.CENTRAL_MANAGER
    pool_config = condor_config.pool_config(spec, is_central_manager=is_manager)
    files = {POOL_CONFIG: pool_config, NODE_CONFIG: config}
    return PlannedNode(role=role, slots=slots, container=container, files=files)


def _mounts(
    spec: PoolSpec, node: NodeSpec, role: Role, name: str
) -> Iterator[BindMount | VolumeMount | ScratchMount]:
    wanted = [(volume.source, volume.target, volume.read_only) for volume in node.volumes]
    if spec.shared:
        wanted.append((spec.shared.source or "shared", spec.shared.path, False))
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
