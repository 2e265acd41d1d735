"""Wait until a pool is usable: the collector has all ads of daemons and slots, and a job ran."""

from __future__ import annotations

import re
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, CondorMiniError, PoolNotReady
from condor_mini.base.layout import HEALTH, REQUEST_SCRIPTS, USER
from condor_mini.base.parallel import each
from condor_mini.base.waiting import wait_until
from condor_mini.nodes.node import Role, pool_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Mapping, Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine
    from condor_mini.nodes.node import Node

LOOK_S = 1
"""How long one query waits inside a node, in seconds.

After each query, all nodes are checked to be still running.
"""
PAUSE_S = 0.02
"""The pause between two queries, in seconds. It is short because a query itself waits."""
PATIENCE_S = 30.0
"""How long the engine may take for a query in addition to ``LOOK_S``, in seconds."""
HEALTH_PATIENCE_S = 15.0
"""How long a health check may take past its own deadline, in seconds."""
LAST_PATIENCE_S = 5.0
"""How long the engine may take past the deadline for the last query, in seconds."""
ROUTE = "/run/condor-mini/route-found"
"""The file in which a node says how the pool's nodes reach it: the script ``find-route``."""
_MISSING_AD = re.compile(r" ads of (\S+) are at the collector")
"""How a line of await-ads names the node of an ad that is missing."""


class Deadline:
    """A point in time that several waits share."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s

    @property
    def left_s(self) -> float:
        """The seconds that are left until the deadline, never negative."""
        return max(0.0, self._end - time.monotonic())

    def wait(self, reason: Callable[[], str | None]) -> None:
        """Call ``reason`` at least once, and until it returns None.

        Args:
            reason: Returns None when the wait is over, else what is still missing.

        Raises:
            PoolNotReady: The deadline has passed. The message has the last reason.
        """
        wait_until(
            reason,
            timeout_s=self.left_s,
            interval_s=PAUSE_S,
            error=PoolNotReady,
            # This wait may have begun late: the message has the timeout of the whole deadline.
            headline=f"Not ready after {self._timeout_s:g} s",
        )

    @property
    def patience_s(self) -> float:
        """How long the engine may take for a query that starts now, in seconds."""
        return LOOK_S + min(PATIENCE_S, self.left_s + LAST_PATIENCE_S)


def wait_until_ready(
    engine: Engine,
    pool: str,
    slots: Mapping[str, int],
    progress: Progress,
    *,
    deadline: Deadline,
    probe: bool,
    ran: Container[str] = (),
) -> None:
    """Wait until a pool that was started is usable.

    Args:
        engine: Engine that the pool is on.
        pool: Name of the pool.
        slots: Number of slot ads that each node has, by node name. All nodes of the pool are in
            it; those without slots have 0.
        progress: Receives the phases.
        deadline: Give up then.
        probe: Also run a probe job, submitted on each access point by the ordinary user.
        ran: Names of nodes that ran before. If the collector began after them, they are asked for
            their ads.

    Raises:
        PoolNotReady: A node has ended, or the deadline has passed. The message names the daemon
            and says why.
    """
    with progress.step("Waiting for the daemons", done="All daemons are ready") as detail:
        nodes = _running_nodes(engine, pool, slots)
        # Of nodes that joined a pool on another host, any of them can ask the collector there.
        manager = nodes[0]
        access_points = [node for node in nodes if node.role.acts_as(Role.ACCESS_POINT)]
        central = ("Collector", "Negotiator") if not manager.joined_to else ()
        expected = [f"{kind} {manager.name} 1" for kind in central]
        expected += [f"Scheduler {node.name} 1" for node in access_points]
        expected += [f"Machine {name} {count}" for name, count in slots.items() if count]

        suspect = manager

        def missing() -> str | None:
            nonlocal suspect
            stdin = "".join(f"{line}\n" for line in expected)
            output = _query(manager, ["await-ads", str(LOOK_S)], deadline, user="root", stdin=stdin)
            _running_nodes(engine, pool, slots)
            if not output:
                return None
            first, *more = output.splitlines()
            detail(first)
            suspect = next(iter(_named([first], nodes)), manager)
            send_ads([node for node in _named([first, *more], nodes) if node.name in ran])
            return first + (f" (and {len(more)} more)" if more else "")

        try:
            deadline.wait(missing)
        except PoolNotReady as late:
            raise PoolNotReady(f"{late.message}{_evidence(suspect)}") from None
    if probe:
        with progress.step("Running a probe job", done="Jobs run"):
            for node in access_points:
                _probe(engine, pool, slots, node, deadline)


def send_ads(nodes: Collection[Node]) -> None:
    """Have nodes that run send their ads, because they may not be at the collector.

    Otherwise the ads come with the next updates: after up to five minutes in the profile
    ``production`` (``UPDATE_INTERVAL``, ``SCHEDD_INTERVAL``). A daemon sends its ad when it reads
    its configuration again. If the collector has been restarted, up to two are lost: one with the
    old connection, and one with the old session. Ask again then; a schedd sends one in 5 s
    (``SCHEDD_MIN_INTERVAL``). A node that does not answer is left alone.
    """

    def ask(node: Node) -> None:
        with suppress(CondorMiniError):
            node.exec(["condor_reconfig"], user="root")

    if nodes:
        each(ask, nodes)


def await_health(nodes: Sequence[Node], deadline: Deadline) -> None:
    """Wait until nodes that run do their work, by their own health checks.

    Args:
        nodes: The nodes; all of them run.
        deadline: Give up then.

    Raises:
        PoolNotReady: A node does not do its work in time; says what is missing.
    """

    def wait(node: Node) -> None:
        left_s = max(1, round(deadline.left_s))
        argv = [HEALTH, "--wait", str(left_s)]
        result = node.exec(argv, user="root", timeout_s=left_s + HEALTH_PATIENCE_S)
        if result.returncode != 0:
            raise PoolNotReady(
                f"{node.name} does not do its work: {(result.stdout + result.stderr).strip()}",
                hint=f"See why: condor-mini doctor -n {node.pool}",
            )

    each(wait, nodes)


def await_exchange(nodes: Sequence[Node], progress: Progress, deadline: Deadline) -> None:
    """Wait until nodes that join a pool have exchanged the join token for tokens of their own.

    Each says how the pool's nodes reach it.

    Args:
        nodes: The nodes; all of them run.
        progress: Receives the phase.
        deadline: Give up then.

    Raises:
        PoolNotReady: A node has ended, or has no token of its own at the deadline.
    """
    with progress.step("Exchanging the join token", done="Each node has a token of its own"):
        for node in nodes:

            def waiting(node: Node = node) -> str | None:
                output = _query(node, ["await-exchange", str(LOOK_S)], deadline, user="root")
                return f"{node.name}: {output}" if output else None

            deadline.wait(waiting)
    for node in nodes:
        progress.note(node.exec(["cat", ROUTE], user="root").stdout.strip())


def _query(
    node: Node, argv: list[str], deadline: Deadline, *, user: str = USER, stdin: str | None = None
) -> str:
    """Run one of our programs in a node, and return what it finds missing; empty for nothing."""
    try:
        result = node.exec(
            [f"{REQUEST_SCRIPTS}/{argv[0]}", *argv[1:]],
            user=user,
            stdin=stdin,
            timeout_s=deadline.patience_s,
        )
    except CommandFailed as failure:
        if failure.returncode is not None:
            raise
        return f"{node.name} does not answer"
    if result.returncode == 0:
        return ""
    return (result.stdout + result.stderr).strip() or f"{argv[0]} ended with {result.returncode}"


def _probe(
    engine: Engine, pool: str, slots: Mapping[str, int], node: Node, deadline: Deadline
) -> None:
    directory = f"/tmp/condor-mini-probe-{uuid.uuid4().hex}"  # noqa: S108

    def unfinished() -> str | None:
        output = _query(node, ["probe-job", directory, str(LOOK_S)], deadline)
        _running_nodes(engine, pool, slots)
        if not output:
            return None
        return f"the probe job that was submitted on {node.name} has not completed: {output}"

    try:
        deadline.wait(unfinished)
    except BaseException:
        with suppress(CondorMiniError):
            node.exec(
                [f"{REQUEST_SCRIPTS}/probe-job", directory, "end"],
                timeout_s=LOOK_S + LAST_PATIENCE_S,
            )
        raise


def _running_nodes(engine: Engine, pool: str, expected: Mapping[str, int]) -> list[Node]:
    """Return all nodes of a pool; raise ``PoolNotReady`` if one was removed or has ended.

    A node that has ended does not come back, so it is useless to wait longer.
    """
    nodes = pool_nodes(engine, pool)
    if gone := set(expected) - {node.name for node in nodes}:
        raise PoolNotReady(f"removed while the pool was starting: {', '.join(sorted(gone))}")
    for node in nodes:
        if not node.is_running:
            raise node.ended()
    return nodes


def _named(lines: Sequence[str], nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes whose ads are missing by these lines of await-ads."""
    names = {found[1] for line in lines if (found := _MISSING_AD.search(line))}
    return [node for node in nodes if node.name in names]


def _evidence(node: Node) -> str:
    """Return a node's health and the end of its log; empty if the node does not answer."""
    with suppress(CondorMiniError):
        health = node.health() or "nothing is missing"
        return f"\n{node.name} says: {health}\nThe end of its log:\n{node.last_words()}"
    return ""
