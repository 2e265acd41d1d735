"""More and fewer execution points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import PoolNotReady, TimedOut, UsageError
from condor_mini.base.waiting import wait_until
from condor_mini.lifecycle import creation, removal
from condor_mini.lifecycle.stop_and_start import STOP_TIMEOUT_S, expected_slots
from condor_mini.nodes import plan
from condor_mini.nodes.fit import fitted
from condor_mini.nodes.node import Role, pool_nodes
from condor_mini.nodes.record import stored_spec
from condor_mini.reports import collector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine
    from condor_mini.nodes.node import Node
    from condor_mini.spec import ExecutionPoints, PoolSpec

VACATE_TIMEOUT_S = 60.0
"""A job that is told to end may take half a minute (KILLING_TIMEOUT)."""
GONE_TIMEOUT_S = 20.0


def scale(
    engine: Engine,
    pool: str,
    count: int,
    progress: Progress,
    group: str | None,
    grace_s: float,
    timeout_s: float,
) -> None:
    """Have so many execution points in a group, from now on.

    Args:
        engine: Where.
        pool: Its name.
        count: How many there are to be.
        progress: Told of the phases.
        group: Which group of the pool file; None for the only one.
        grace_s: How long the jobs of those that go may run on, in seconds; then they are put back
            into the queue.
        timeout_s: How long new ones may take until their slots are there, in seconds.

    Raises:
        UsageError: There are several groups, or none of that name, or none would be left at all.
        PoolNotReady: The pool does not run, or a new slot is missing at the deadline.
    """
    nodes = pool_nodes(engine, pool)
    spec = stored_spec(pool, nodes)
    chosen = _group(spec, group)
    ours = [n for n in nodes if n.role is Role.EXECUTION_POINT and n.group == chosen.name]
    everywhere = [n for n in nodes if n.role is Role.EXECUTION_POINT]
    if count < 1 and len(ours) == len(everywhere):
        raise UsageError(
            "a pool without execution points runs no job: --execute is to be at least 1",
            hint=f"To pause the pool: condor-mini stop -n {pool}",
        )
    if stopped := [node for node in nodes if not node.is_running]:
        raise stopped[0].ended()
    if count > len(ours):
        first = max((node.number for node in everywhere), default=0) + 1
        new = [
            plan.planned_node(spec, Role.EXECUTION_POINT, chosen.name, first + index)
            for index in range(count - len(ours))
        ]
        new = fitted(new, engine.info(), one_user=nodes[0].has_one_user)
        slots = {**expected_slots(spec, nodes), **{node.name: node.slots for node in new}}
        creation.add(engine, nodes[0], new, progress, slots=slots, timeout_s=timeout_s)
    elif count < len(ours):
        leaving = sorted(ours, key=lambda node: node.number)[count:]
        access_points = [node for node in nodes if node.role is Role.ACCESS_POINT]
        _drain(leaving, access_points, progress, grace_s=grace_s)
        with progress.step("Removing them", done=f"Removed {len(leaving)} execution points"):
            engine.stop(*(node.info.id for node in leaving), timeout_s=STOP_TIMEOUT_S)
            collector.forget(nodes[0], [node.name for node in leaving])
            _await_gone(nodes[0], leaving)
            engine.remove(*(node.info.id for node in leaving))
            # Else `start` would take them for lost ones, and make them anew.
            removal.remove_state(engine, leaving)


# The master's child: without a process namespace other nodes' startds are seen too.
_STARTD = (
    "master=$(condor_who -quick | sed -n 's/^MASTER_PID = //p'); "
    'grep -qs "(condor_startd) [A-Z] $master " /proc/[0-9]*/stat'
)


def _group(spec: PoolSpec, name: str | None) -> ExecutionPoints:
    groups = {group.name: group for group in spec.execution_points}
    if name is None and len(groups) > 1:
        raise UsageError(f"which group? --group says it; there are: {', '.join(groups)}")
    if name is not None and name not in groups:
        raise UsageError(f"there is no group {name}; there are: {', '.join(groups)}")
    return groups[name] if name else next(iter(groups.values()))


def _drain(
    nodes: Sequence[Node], access_points: Sequence[Node], progress: Progress, *, grace_s: float
) -> None:
    """Let the nodes take no new job, and wait until theirs have ended, or the grace is over.

    Then these are put back into their queues, gracefully: a job gets its SIGTERM.
    """
    with progress.step("Waiting for their jobs", done="No job runs there any more") as detail:
        for node in nodes:
            # condor_off(1): -peaceful waits for the jobs, however long they run.
            said = node.exec(["condor_off", "-peaceful", "-daemon", "startd"], user="root")
            if said.returncode != 0:
                raise PoolNotReady(f"{node.name} takes no orders: {said.stderr.strip()}")

        def busy() -> str | None:
            left = [node for node in nodes if _runs_startd(node)]
            if not left:
                return None
            text = f"jobs run on {', '.join(node.name for node in left)}"
            detail(text)
            return text

        try:
            wait_until(busy, timeout_s=grace_s, interval_s=0.3)
        except TimedOut:
            left = ", ".join(node.name for node in nodes if _runs_startd(node))
            progress.note(f"Jobs still ran on {left} after {grace_s:g} s: put back into the queue")
            _requeue(nodes, access_points)
            wait_until(busy, timeout_s=VACATE_TIMEOUT_S, interval_s=0.3, error=PoolNotReady)


def _requeue(nodes: Sequence[Node], access_points: Sequence[Node]) -> None:
    """Put the jobs that run on these nodes back into their queues (condor_vacate_job(1))."""
    hosts = ", ".join(f'"{node.name}"' for node in nodes)
    on_them = f'member(split(RemoteHost, "@")[1], {{{hosts}}})'
    for access_point in access_points:
        # It fails where no job matches: the last one may just have ended.
        access_point.exec(["condor_vacate_job", "-constraint", on_them], user="root")


def _runs_startd(node: Node) -> bool:
    """Whether its startd is there; the master calls it off from the moment it was told to end."""
    return node.exec(["sh", "-c", _STARTD], user="root").returncode == 0


def _await_gone(manager: Node, nodes: Sequence[Node]) -> None:
    """Wait until the collector has forgotten them: nothing is matched to them any more."""
    names = {node.name for node in nodes}

    def there() -> str | None:
        said = manager.exec(["condor_status", "-any", "-af", "Machine"], user="root")
        still = names & set(said.stdout.split())
        return f"the collector still has ads of {', '.join(sorted(still))}" if still else None

    wait_until(there, timeout_s=GONE_TIMEOUT_S, error=PoolNotReady)
