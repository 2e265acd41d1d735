"""The access points whose queues are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import UsageError
from condor_mini.base.progress import Progress
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

_SILENT = Progress()


def running_access_point(pool: PoolNodes, name: str | None) -> Node:
    """Return the access point of that name, or the first one.

    Raises:
        NotFound: There is no such node or pool.
        UsageError: The node is not an access point.
        PoolNotReady: It does not run; says how it ended.
    """
    node = pool.node(name)
    if not node.role.acts_as(Role.ACCESS_POINT):
        raise UsageError(f"{node.name} is not an access point: it is the pool's {node.role.words}")
    if not node.is_running:
        raise node.ended()
    return node


def running_access_points(
    pool: PoolNodes, name: str | None = None, *, progress: Progress = _SILENT
) -> list[Node]:
    """Return the access point of that name, or all that run.

    Args:
        pool: Pool to search. Its engine is asked once.
        name: Name of an access point. None for all.
        progress: Receives a note on each access point that does not run.

    Raises:
        NotFound: There is no such pool, or it has no access point here.
        PoolNotReady: No access point runs.
    """
    if name is not None:
        return [running_access_point(pool, name)]
    nodes = pool.reached_nodes or pool.existing_nodes()
    points = [node for node in nodes if node.role.acts_as(Role.ACCESS_POINT)]
    running = [node for node in points if node.is_running]
    if not running:
        return [running_access_point(pool, None)]  # raises, and says what there is instead
    for node in points:
        if not node.is_running:
            progress.note(f"The access point {node.name} does not run: its jobs are left out.")
    return running
