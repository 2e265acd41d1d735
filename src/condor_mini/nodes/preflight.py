"""What is refused before anything of a pool is made, because the engine cannot do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.engine import BindMount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.engine import EngineInfo
    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import PoolSpec

_LIMITS = {"cpus": "cpus", "memory_mb": "memory", "pids": "processes"}
"""What a container's limits are called in the pool file."""


def check_able(info: EngineInfo, nodes: Sequence[PlannedNode]) -> None:
    """Refuse limits that would not hold, and directories that the engine cannot mount.

    Raises:
        EngineCapabilityError: There is such a one; says which, and what to do.
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
                "no control group here to set it in",
                hint="Leave `limit` out. Or use Docker or Podman, as root; or, without root, "
                "cgroups v2 by systemd, which must delegate them: Delegate=cpu memory pids for "
                "user@.service; embedded has them for a user who lingers: loginctl enable-linger",
            )
    if sources and not info.same_host:
        raise EngineCapabilityError(
            f"the engine at {info.endpoint} is on another machine, where {sources[0]} cannot be "
            "mounted",
            hint="Use volumes of the pool's own (a source without a slash), or `condor-mini cp`.",
        )


def check_read_only(info: EngineInfo, spec: PoolSpec) -> None:
    """Refuse a read-only root that is asked for explicitly and cannot be had.

    Raises:
        EngineCapabilityError: The engine gives each node a root that it can write.
    """
    groups = (spec.central_manager, *spec.access_points, *spec.execution_points)
    if not info.read_only_roots and any(group.read_only for group in groups):
        raise EngineCapabilityError(
            f"nothing would come of `read_only: true`: on {info.name} each node has a root of its "
            "own that it can write",
            hint="Leave `read_only` out, or use Docker or Podman.",
        )
