"""Checks, before a pool is created, that the engine can do what the spec asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.engine import BindMount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.engine import EngineInfo
    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import Node, PoolSpec

_LIMITS = {"cpus": "cpus", "memory_mb": "memory", "pids": "processes"}
"""The pool file's key for each limit of a container."""


def check_able(info: EngineInfo, nodes: Sequence[PlannedNode]) -> None:
    """Check that the engine can enforce the nodes' limits and mount their directories.

    Raises:
        EngineCapabilityError: The engine cannot; says which limit or directory, and what to do.
    """
    limited = {
        limit: [node.name for node in nodes if getattr(node.container, limit) is not None]
        for limit in _LIMITS
    }
    sources = [
        mount.source
        for node in nodes
        for mount in node.container.mounts
        if isinstance(mount, BindMount)
    ]
    for limit, names in limited.items():
        if names and limit not in info.limits:
            raise EngineCapabilityError(
                f"nothing would come of `limit: {_LIMITS[limit]}` for {names[0]}: {info.name} has "
                "no control group here that could enforce it",
                hint="Leave `limit` out, or use Docker or Podman as root. Without root, limits "
                "need cgroups v2 that systemd delegates: Delegate=cpu memory pids for "
                "user@.service. embedded has them if you linger: loginctl enable-linger",
            )
    if sources and not info.same_host:
        raise EngineCapabilityError(
            f"the engine at {info.endpoint} is on another machine, where {sources[0]} cannot be "
            "mounted",
            hint="Use volumes of the pool's own (a source without a slash), or copy the files: "
            "condor-mini cp",
        )


def check_read_only(info: EngineInfo, spec: PoolSpec, host: str = "") -> None:
    """Check that the engine can make roots read-only if the spec explicitly asks for that.

    Args:
        info: What the engine says of itself.
        spec: Spec of the pool.
        host: Host of the engine; empty for the pool's own.

    Raises:
        EngineCapabilityError: On this engine each node can write to its root.
    """
    groups: list[Node] = [
        group
        for group in (*spec.access_points, *spec.execution_points)
        if (group.host or "") == host
    ]
    groups += [] if host else [spec.central_manager]
    if not info.read_only_roots and any(group.read_only for group in groups):
        raise EngineCapabilityError(
            f"`read_only: true` has no effect on {info.name}: each node has a root file system of "
            "its own that it can write to",
            hint="Leave `read_only` out, or use Docker or Podman.",
        )
