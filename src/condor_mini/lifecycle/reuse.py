"""Create a pool, or start the existing pool of that name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse
from condor_mini.lifecycle import creation, restart
from condor_mini.nodes.holdings import Holdings
from condor_mini.nodes.node import pool_nodes
from condor_mini.nodes.pool_nodes import PoolNodes

if TYPE_CHECKING:
    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine
    from condor_mini.lifecycle.saved_state import SavedState
    from condor_mini.spec import PoolSpec


def create_or_start(
    engine: Engine,
    spec: PoolSpec,
    progress: Progress,
    *,
    timeout_s: float,
    keep: bool = False,
    state: SavedState | None = None,
) -> None:
    """Create a pool, or start the pool of that name.

    An existing pool may have its containers or only its state.

    Args:
        engine: Engine to create the pool on.
        spec: What to create. A pool that exists is not changed.
        progress: Receives the phases.
        timeout_s: Give up after so many seconds.
        keep: Keep what was created if something fails.
        state: What a new pool begins with.

    Raises:
        AlreadyInUse: A personal pool, or something outside all pools, has a name or a port that the
            pool needs.
        PoolNotReady: A daemon is missing at the deadline, or a node has ended. The message says
            why.
    """
    try:
        creation.create(engine, spec, progress, timeout_s=timeout_s, keep=keep, state=state)
    except AlreadyInUse:
        nodes = pool_nodes(engine, spec.name)
        is_personal = any(node.is_personal for node in nodes)
        if is_personal or (not nodes and not Holdings(engine, spec.name).volumes):
            raise
        progress.note(f"The pool {spec.name} exists already")
        restart.start(PoolNodes(engine, spec.name), None, progress, timeout_s=timeout_s)
