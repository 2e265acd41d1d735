"""When a pool is usable: every daemon's ad and every slot is at the collector, and a job ran."""

from __future__ import annotations

import re
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, CondorMiniError, PoolNotReady
from condor_mini.base.layout import REQUEST_SCRIPTS, USER
from condor_mini.base.waiting import wait_until
from condor_mini.nodes.node import Role, pool_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine
    from condor_mini.nodes.node import Node

LOOK_S = 1
"""How long one question waits inside a node; between two, it is seen whether all nodes live."""
PAUSE_S = 0.02
"""Between two questions, which wait by themselves."""
PATIENCE_S = 30.0
"""Beyond what a question itself takes: the engine's deadline for it."""
LAST_PATIENCE_S = 5.0
"""... of the one that is asked at the deadline."""
_MISSING_AD = re.compile(r" ads of (\S+) are at the collector")
"""How a line of await-ads names the node of an ad that is missing."""


class Deadline:
    """A point in time that several waits share."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s

    @property
    def left_s(self) -> float:
        """Seconds until then, never negative."""
        return max(0.0, self._end - time.monotonic())

    def wait(self, reason: Callable[[], str | None]) -> None:
        """Ask until there is no reason left, at least once; raises ``PoolNotReady`` then."""
        wait_until(
            reason,
            timeout_s=self.left_s,
            interval_s=PAUSE_S,
            error=PoolNotReady,
            # This wait may have begun late; what counts is the whole time.
            headline=f"Not ready after {self._timeout_s:g} s",
        )

    @property
    def patience_s(self) -> float:
        """How long the engine may take for a question that is asked now."""
        return LOOK_S + min(PATIENCE_S, self.left_s + LAST_PATIENCE_S)


def await_usable(
    engine: Engine,
    pool: str,
    slots: Mapping[str, int],
    progress: Progress,
    *,
    deadline: Deadline,
    probe: bool,
) -> None:
    """Wait until a pool that was started can be used.

    Args:
        engine: Where it is.
        pool: Its name.
        slots: How many slot ads each execution point has, by the name of the node; all other nodes
            are there too, with 0.
        progress: Told of the phases.
        deadline: Until when.
        probe: Whether a job must have run, submitted on each access point by the ordinary user.

    Raises:
        PoolNotReady: A node has ended, or the deadline has passed; names the daemon, and says why.
    """
    with progress.step("Waiting for the daemons", done="The daemons are there") as detail:
        nodes = _alive(engine, pool, slots)
        manager = nodes[0]
        access_points = [node for node in nodes if node.role is Role.ACCESS_POINT]
        expected = [f"{kind} {manager.name} 1" for kind in ("Collector", "Negotiator")]
        expected += [f"Scheduler {node.name} 1" for node in access_points]
        expected += [f"Machine {name} {count}" for name, count in slots.items() if count]

        suspect = manager

        def missing() -> str | None:
            nonlocal suspect
            stdin = "".join(f"{line}\n" for line in expected)
            said = _ask(manager, ["await-ads", str(LOOK_S)], deadline, user="root", stdin=stdin)
            _alive(engine, pool, slots)
            if not said:
                return None
            first, *more = said.splitlines()
            detail(first)
            suspect = _suspect(first, nodes)
            return first + (f" (and {len(more)} more)" if more else "")

        try:
            deadline.wait(missing)
        except PoolNotReady as late:
            raise PoolNotReady(f"{late.message}{_evidence(suspect)}") from None
    if probe:
        with progress.step("Running a probe job", done="A probe job has run"):
            for node in access_points:
                _probe(engine, pool, slots, node, deadline)


def _ask(
    node: Node, argv: list[str], deadline: Deadline, *, user: str = USER, stdin: str | None = None
) -> str:
    """What a program of ours finds missing in a node; empty where it finds nothing."""
    try:
        said = node.exec(
            [f"{REQUEST_SCRIPTS}/{argv[0]}", *argv[1:]],
            user=user,
            stdin=stdin,
            timeout_s=deadline.patience_s,
        )
    except CommandFailed as failure:
        if failure.returncode is not None:
            raise
        return f"{node.name} does not answer"
    if said.returncode == 0:
        return ""
    return (said.stdout + said.stderr).strip() or f"{argv[0]} ended with {said.returncode}"


def _probe(
    engine: Engine, pool: str, slots: Mapping[str, int], node: Node, deadline: Deadline
) -> None:
    directory = f"/tmp/condor-mini-probe-{uuid.uuid4().hex}"  # noqa: S108

    def unfinished() -> str | None:
        said = _ask(node, ["probe-job", directory, str(LOOK_S)], deadline)
        _alive(engine, pool, slots)
        if not said:
            return None
        return f"the probe job that was submitted on {node.name} has not completed: {said}"

    try:
        deadline.wait(unfinished)
    except BaseException:
        with suppress(CondorMiniError):
            node.exec(
                [f"{REQUEST_SCRIPTS}/probe-job", directory, "end"],
                timeout_s=LOOK_S + LAST_PATIENCE_S,
            )
        raise


def _alive(engine: Engine, pool: str, expected: Mapping[str, int]) -> list[Node]:
    """All nodes, if each one runs: waiting longer for one that has ended is of no use."""
    nodes = pool_nodes(engine, pool)
    if gone := set(expected) - {node.name for node in nodes}:
        raise PoolNotReady(f"{', '.join(sorted(gone))} was removed while the pool was starting")
    for node in nodes:
        if not node.is_running:
            raise node.ended()
    return nodes


def _suspect(line: str, nodes: Sequence[Node]) -> Node:
    """Return the node that lacks an ad, by a line of await-ads; else the central manager."""
    found = _MISSING_AD.search(line)
    named = [node for node in nodes if found and node.name == found[1]]
    return (named or nodes)[0]


def _evidence(node: Node) -> str:
    """Return what a node says of itself, for an error; empty where it cannot be asked."""
    with suppress(CondorMiniError):
        health = node.health() or "I lack nothing"
        return f"\n{node.name} says: {health}\nIts last words:\n{node.last_words()}"
    return ""
