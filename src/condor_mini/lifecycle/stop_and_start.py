"""Stop and start the nodes of a pool that exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.parallel import each
from condor_mini.base.words import counted
from condor_mini.lifecycle import node_tokens
from condor_mini.lifecycle.mending import mend
from condor_mini.lifecycle.ready import Deadline, wait_until_ready
from condor_mini.nodes.node import Role, pool_nodes
from condor_mini.nodes.record import stored_spec

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine
    from condor_mini.nodes.node import Node
    from condor_mini.spec import PoolSpec

STOP_TIMEOUT_S = 30.0
"""How long the engine waits before it kills a node, in seconds.

It is longer than the daemons take to end gracefully.
"""


def stop(engine: Engine, nodes: Sequence[Node], progress: Progress) -> None:
    """Stop these nodes gracefully. The queues are on disk, and running jobs return to them.

    Args:
        engine: Engine that the nodes are on.
        nodes: Nodes to stop. Nodes that do not run are skipped.
        progress: Receives the phases.
    """
    running = [node for node in nodes if node.is_running]
    if not running:
        progress.note("Nothing to stop: no node runs")
        return
    what = counted(len(running), "node")
    with progress.step(f"Stopping {what}", done=f"Stopped {what}"):
        # Execution points first, so that they report to the access points which jobs are to run
        # again.
        for execution in (True, False):
            containers = [
                node.info.id
                for node in running
                if node.role.acts_as(Role.EXECUTION_POINT) == execution
            ]
            engine.stop(*containers, timeout_s=STOP_TIMEOUT_S)


def start(
    engine: Engine,
    pool: str,
    nodes: Sequence[Node],
    progress: Progress,
    *,
    timeout_s: float,
    ran: Container[str] = (),
) -> None:
    """Start these nodes and wait until the whole pool is usable.

    On nodes that ran before, it finishes what a process that was killed may have left half done.

    Args:
        engine: Engine that the pool is on.
        pool: Name of the pool.
        nodes: Nodes to start. Nodes that run already are skipped.
        progress: Receives the phases.
        timeout_s: Give up after so many seconds.
        ran: Names of the nodes that ran before the command.

    Raises:
        PoolNotReady: A daemon is missing at the deadline, or a node has ended. The message says
            which and why.
        RecordError: The pool's labels do not hold the spec that it was created from.
    """
    before = pool_nodes(engine, pool)
    spec = stored_spec(pool, before)
    deadline = Deadline(timeout_s)
    stopped = [node for node in nodes if not node.is_running]
    if stopped:
        what = counted(len(stopped), "node")
        with progress.step(f"Starting {what}", done=f"Started {what}"):
            start_containers(engine, pool, stopped, deadline)
    mend(pool_nodes(engine, pool), [node for node in nodes if node.name in ran], spec, deadline)
    wait_until_ready(
        engine,
        pool,
        expected_slots(spec, pool_nodes(engine, pool)),
        progress,
        deadline=deadline,
        probe=spec.probe_job,
        ran=[node.name for node in before if node.is_running],
    )


def start_containers(
    engine: Engine, pool: str, stopped: Sequence[Node], deadline: Deadline
) -> None:
    """Start nodes that are stopped, with valid tokens, and do not wait for their daemons.

    Args:
        engine: Engine that the pool is on.
        pool: Name of the pool.
        stopped: The nodes.
        deadline: Give up then if the central manager can issue no tokens.

    Raises:
        PoolNotReady: The central manager can issue no tokens.
    """
    managers = [node for node in stopped if node.role.acts_as(Role.CENTRAL_MANAGER)]
    others = [node for node in stopped if node not in managers]
    # The central manager first: the other nodes look for it at once, and then only every second.
    each(engine.start, [node.info.id for node in managers])
    manager = pool_nodes(engine, pool)[0]
    if manager.role is Role.CENTRAL_MANAGER and manager.is_running:
        # The nodes' tokens may have expired, or the key may have been rotated.
        node_tokens.give(manager, others, deadline)
    each(engine.start, [node.info.id for node in others])


def expected_slots(spec: PoolSpec, nodes: Sequence[Node]) -> dict[str, int]:
    """Return the number of slot ads that each node has, by node name."""
    static = {group.name: group.slots or 1 for group in spec.execution_points}
    return {
        node.name: static.get(node.group, 1) if node.role.acts_as(Role.EXECUTION_POINT) else 0
        for node in nodes
    }


def slots_of(nodes: Sequence[Node]) -> dict[str, int]:
    """Return the number of slot ads of each node that runs, by node name.

    Args:
        nodes: All nodes of the pool.

    Raises:
        PoolNotReady: The pool has no central manager.
    """
    if nodes[0].is_personal:
        return {nodes[0].name: 1}
    return expected_slots(
        stored_spec(nodes[0].pool, nodes), [node for node in nodes if node.is_running]
    )
