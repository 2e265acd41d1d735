"""Start and restart a pool, or one of its nodes, whatever is left of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import UsageError
from condor_mini.lifecycle import recreate, stop_and_start
from condor_mini.lifecycle.mending import switch_on
from condor_mini.personal.reopening import check_reopenable, reopen

if TYPE_CHECKING:
    from condor_mini.base.progress import Progress
    from condor_mini.lifecycle.saved_state import SavedState
    from condor_mini.nodes.pool_nodes import PoolNodes


def start(
    pool: PoolNodes,
    node: str | None,
    progress: Progress,
    *,
    timeout_s: float,
    state: SavedState | None = None,
) -> None:
    """Recreate lost nodes, start stopped nodes, mend the others, and wait; see ``Pool.start``.

    Nodes that are recreated begin with ``state``, if it is given.
    """
    if (personal := pool.personal_node()) is not None:
        switch_on([n for n in pool.chosen_nodes(node) if n.is_running])
        reopen(personal, progress)
        return
    chosen = (node, f"{pool.name}-{node}")
    switch_on([n for n in pool.nodes if n.is_running and (node is None or n.name in chosen)])
    ran = {each.name for each in pool.nodes if each.is_running}
    recreate.recreate_lost(
        pool.engine, pool.name, progress, only=node, timeout_s=timeout_s, state=state
    )
    nodes = pool.chosen_nodes(node)
    stop_and_start.start(pool.engine, pool.name, nodes, progress, timeout_s=timeout_s, ran=ran)


def restart(
    pool: PoolNodes,
    node: str | None,
    series: str | None,
    progress: Progress,
    *,
    timeout_s: float,
) -> None:
    """Stop and start the nodes, or upgrade all to ``series``; see ``Pool.restart``."""
    if series is not None and node is not None:
        raise UsageError("HTCondor is upgraded on all nodes of a pool at once: omit --node")
    nodes = pool.chosen_nodes(node)
    if (personal := pool.personal_node()) is not None:
        check_reopenable(personal, series)
        stop_and_start.stop(pool.engine, nodes, progress)
        reopen(personal, progress, series=series)
        return
    if series is not None:
        recreate.renew(pool.engine, pool.name, series, progress, timeout_s=timeout_s)
    else:
        recreate.check_startable(pool.engine, pool.name)
        stop_and_start.stop(pool.engine, nodes, progress)
    start(pool, node, progress, timeout_s=timeout_s)
