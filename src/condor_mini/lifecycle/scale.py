"""Add and remove execution points of a running pool."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from condor_mini.base.errors import PoolNotReady, UsageError
from condor_mini.base.waiting import wait_until
from condor_mini.base.words import counted
from condor_mini.lifecycle import creation, removal
from condor_mini.lifecycle.draining import drain
from condor_mini.lifecycle.stop_and_start import STOP_TIMEOUT_S, expected_slots
from condor_mini.nodes import plan
from condor_mini.nodes.fit import fitted
from condor_mini.nodes.node import Role, pool_nodes
from condor_mini.nodes.placement import changed_by_host
from condor_mini.nodes.record import stored_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import ExecutionPoints, PoolSpec

VACATE_TIMEOUT_S = 60.0
"""How long a startd may take to vacate its jobs, in seconds.

A job that is told to end may take half a minute (``KILLING_TIMEOUT``).
"""
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
    """Add or remove execution points until a group has ``count`` of them.

    Args:
        engine: Engine that the pool is on.
        pool: Name of the pool.
        count: Number of execution points that the group is to have.
        progress: Receives the phases.
        group: Name of the group in the pool file. None for the only one.
        grace_s: How long the jobs may continue to run on an execution point that is removed, in
            seconds. After that they return to the queue.
        timeout_s: Give up after so many seconds if slots of new execution points are missing.

    Raises:
        UsageError: ``group`` is None and there are several groups, or there is no such group, or
            the pool would have no execution point left, or it is personal.
        PoolNotReady: The pool does not run, or a new slot is missing at the deadline.
    """
    nodes = pool_nodes(engine, pool)
    if nodes[0].is_personal:
        raise UsageError(
            f"the personal pool {pool} is one node, and its slot is divided among the jobs",
            hint="Choose the slot's size: condor-mini run --cpus N --memory SIZE. For several "
            "execution points, create a pool: condor-mini create -n NAME --execute N",
        )
    spec = stored_spec(pool, nodes)
    if spec.joins:
        raise UsageError(
            f"the nodes of {pool} have joined the pool at {spec.joins.central_manager}: the number "
            "of such nodes is fixed",
            hint="Join with more under another name: condor-mini join -n NAME. "
            f"Take these away: condor-mini leave -n {pool}",
        )
    chosen = _group(spec, group)
    ours = [n for n in nodes if n.role is Role.EXECUTION_POINT and n.group == chosen.name]
    everywhere = [n for n in nodes if n.role is Role.EXECUTION_POINT]
    if count < 1 and len(ours) == len(everywhere):
        raise UsageError(
            "a pool without execution points runs no jobs: --execute must be at least 1",
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
        new = changed_by_host(engine, new, partial(_fitted, nodes))
        slots = {**expected_slots(spec, nodes), **{node.name: node.slots for node in new}}
        creation.add(engine, nodes[0], new, progress, slots=slots, timeout_s=timeout_s)
    elif count < len(ours):
        leaving = sorted(ours, key=lambda node: node.number)[count:]
        access_points = [node for node in nodes if node.role is Role.ACCESS_POINT]
        drain(
            leaving,
            progress,
            grace_s=grace_s,
            requeue=lambda: _requeue(leaving, access_points),
            vacate_s=VACATE_TIMEOUT_S,
        )
        what = counted(len(leaving), "execution point")
        with progress.step(f"Removing {what}", done=f"Removed {what}"):
            engine.stop(*(node.info.id for node in leaving), timeout_s=STOP_TIMEOUT_S)
            removal.forget_ads(nodes[0], [node.name for node in leaving])
            _await_gone(nodes[0], leaving)
            engine.remove(*(node.info.id for node in leaving))
            # Otherwise `start` would take the nodes for lost ones and recreate them.
            removal.remove_state(engine, leaving)


def _fitted(nodes: Sequence[Node], engine: Engine, new: Sequence[PlannedNode]) -> list[PlannedNode]:
    """Return new nodes of one host, adapted to its engine and to the pool's nodes there."""
    there = [node for node in nodes if node.host == new[0].host]
    one_user = there[0].has_one_user if there else None
    return fitted(new, engine.info(), one_user=one_user)


def _group(spec: PoolSpec, name: str | None) -> ExecutionPoints:
    groups = {group.name: group for group in spec.execution_points}
    if name is None and len(groups) > 1:
        raise UsageError(
            f"the pool has several groups of execution points: {', '.join(groups)}",
            hint="Choose one: --group NAME",
        )
    if name is not None and name not in groups:
        raise UsageError(f"there is no group {name}; the pool's groups are: {', '.join(groups)}")
    return groups[name] if name else next(iter(groups.values()))


def _requeue(nodes: Sequence[Node], access_points: Sequence[Node]) -> None:
    """Put the jobs that run on these nodes back into their queues (condor_vacate_job(1)).

    The startd's address, ``<172.18.0.4:9618?...>``, shows where a job runs: the user's
    configuration can change ``RemoteHost``.
    """
    on_them = _on(nodes)
    for access_point in access_points:
        # The status is ignored: the command fails if no job matches, and the last may just have
        # ended.
        access_point.exec(["condor_vacate_job", "-constraint", on_them], user="root")


def _on(nodes: Sequence[Node]) -> str:
    """Return the constraint for jobs that run on these nodes."""
    addresses = ", ".join(f'"{node.address}"' for node in nodes)
    on_them = f'member(split(StartdIpAddr, "<:")[0], {{{addresses}}})'
    if not nodes[0].exposed_at:
        return on_them
    # Nodes of several hosts may have the same address. The startd's has its host name, too.
    names = "|".join(node.name for node in nodes)
    return f'{on_them} && regexp("[?&]alias=({names})\\.", StartdIpAddr)'


def _await_gone(manager: Node, nodes: Sequence[Node]) -> None:
    """Wait until the collector has no ads of these nodes, so that no job is matched to them."""
    names = {node.name for node in nodes}

    def remaining() -> str | None:
        result = manager.exec(["condor_status", "-any", "-af", "CondorMiniNode"], user="root")
        left = names & set(result.stdout.split())
        return f"the collector still has ads of {', '.join(sorted(left))}" if left else None

    wait_until(remaining, timeout_s=GONE_TIMEOUT_S, error=PoolNotReady)
