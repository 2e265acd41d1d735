"""A wrong clock, in memory: the daemons are started again with it, and without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, PoolNotReady, UsageError
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from condor_mini.engine import FakeExec
    from fake_pool import FakePool
    from struck_nodes import StruckNodes


@pytest.fixture
def asked(pool: FakePool, struck: StruckNodes) -> list[str]:
    """What was asked of the node, with the switching of its daemons."""
    asked: list[str] = []

    def answer(call: FakeExec) -> FakeOutcome:
        asked.append(" ".join(call.argv[2:]))
        return FakeOutcome(stdout="ended" if call.argv[2] == "end" else "")

    for action in ("make", "end", "forget"):
        pool.engine.on_exec(["sh", "-s", action], answer)
    pool.engine.on_exec(["sh", "-c"], lambda call: FakeOutcome(stdout=call.stdin or "library"))
    pool.engine.add_image("debian:trixie-slim")
    del struck
    return asked


@pytest.mark.parametrize(
    ("node", "by", "words", "daemons"),
    [
        ("execute-1", 3600, "make +3600 STARTD", ["startd"]),
        ("master", -60, "make -60 COLLECTOR NEGOTIATOR", ["collector", "negotiator"]),
    ],
)
def test_daemons_are_started_again(
    pool: FakePool,
    struck: StruckNodes,
    asked: list[str],
    node: str,
    by: int,
    words: str,
    daemons: list[str],
) -> None:
    """All daemons of the node but the master and the shared port, at the fault and at the heal."""
    switched = [(f"condor_{way}", "-daemon", d) for d in daemons for way in ("off", "on")]
    with pool.faults.clock(node, by=by):
        assert asked == [words]
        assert struck.asked == switched
    assert asked[1:] == ["end", "forget"]
    assert struck.asked == switched * 2


def test_what_is_ended_already_restarts_nothing(
    pool: FakePool, struck: StruckNodes, asked: list[str]
) -> None:
    """A node that has lost the other clock keeps its daemons."""
    pool.faults.clock("execute-1", by=5)
    struck.asked.clear()
    pool.engine.on_exec(["sh", "-s", "end"], lambda _: FakeOutcome())
    pool.faults.heal()
    assert (struck.asked, asked[-1]) == ([], "forget")


def test_no_fault(pool: FakePool, asked: list[str]) -> None:
    """A clock that is right is no fault."""
    with pytest.raises(UsageError, match="no fault"):
        pool.faults.clock("execute-1", by=0)
    assert asked == []


def test_library_that_does_not_fit(pool: FakePool, struck: StruckNodes, asked: list[str]) -> None:
    """If it does not work on the node, no daemon is started again with it."""
    refusal = FakeOutcome(returncode=1, stderr="libfaketime does not work with the programs")
    pool.engine.on_exec(["sh", "-s", "make"], lambda _: refusal)
    pool.engine.on_exec(["sh", "-s", "end"], lambda _: FakeOutcome())
    with pytest.raises(CommandFailed, match="does not work"):
        pool.faults.clock("execute-1", by=5)
    assert (struck.asked, asked, pool.faults.in_force()) == ([], ["forget"], [])


@pytest.mark.usefixtures("struck")
def test_node_that_has_ended_keeps_the_fault(pool: FakePool, asked: list[str]) -> None:
    """Its configuration outlives the node, so it is undone when the node runs again."""
    pool.faults.clock("execute-1", by=5)
    pool.engine.stop("ci-execute-1", timeout_s=1)
    with pytest.raises(PoolNotReady):
        pool.faults.heal()
    pool.faults.heal_abandoned()
    assert [record.fault for record in pool.faults.in_force()] == ["clock"]
    pool.engine.start("ci-execute-1")
    pool.faults.heal()
    assert (asked[1:], pool.faults.in_force()) == (["end", "forget"], [])


def test_killed_node_is_started_before(
    pool: FakePool, struck: StruckNodes, asked: list[str]
) -> None:
    """Of both faults on a node, the clock is healed when the node runs."""
    del struck
    pool.faults.clock("execute-1", by=5)
    pool.faults.stop_node("execute-1")
    pool.faults.heal()
    assert (asked[1:], pool.faults.in_force()) == (["end", "forget"], [])
