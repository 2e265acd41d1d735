"""Pressure on CPU and memory, in memory: what is asked of the node, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CondorMiniError, EngineCapabilityError, UsageError
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import FakeExec
    from condor_mini.faults.faults import Faults
    from fake_pool import FakePool


@pytest.fixture
def asked(pool: FakePool) -> list[str]:
    """What was asked of the node; it has the memory limit 1000 MiB, and 300 of it are taken."""
    asked: list[str] = []

    def answer(call: FakeExec) -> FakeOutcome:
        asked.append(" ".join(call.argv[2:]))
        return FakeOutcome(stdout="1000 300 5000\n")

    for action in ("room", "make", "end"):
        pool.engine.on_exec(["sh", "-s", action], answer)
    return asked


def unlimited(pool: FakePool) -> None:
    """Let the node have no memory limit, on a machine with 5000 MiB left."""
    pool.engine.on_exec(["sh", "-s", "room"], lambda _: FakeOutcome(stdout="0 300 5000\n"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda f: f.cpu_pressure("execute-1"), "cpu 0"),
        (lambda f: f.cpu_pressure("execute-1", processes=3), "cpu 3"),
        (lambda f: f.memory_pressure("execute-1"), "memory 600"),
        (lambda f: f.memory_pressure("execute-1", mb=50), "memory 50"),
    ],
)
def test_processes_are_started_and_killed(
    pool: FakePool, asked: list[str], make: Callable[[Faults], object], words: str
) -> None:
    """As many as wanted are started, and those of that kind are killed."""
    make(pool.faults)
    pool.faults.heal()
    assert [line for line in asked if line != "room"] == [
        f"make {words}",
        f"end {words.split()[0]}",
    ]


def test_amount_has_to_be_said_without_a_limit(pool: FakePool, asked: list[str]) -> None:
    """A node without a limit would take all memory of the machine."""
    unlimited(pool)
    with pytest.raises(UsageError, match="no memory limit"):
        pool.faults.memory_pressure("execute-1")
    pool.faults.memory_pressure("execute-1", mb=4000)
    assert asked == ["make memory 4000"]


def test_more_than_there_is(pool: FakePool, asked: list[str]) -> None:
    """More than the limit, or than the machine has left, is refused before anything is done."""
    with pytest.raises(EngineCapabilityError, match="of its 1000 MiB 300 are in use"):
        pool.faults.memory_pressure("execute-1", mb=650)
    unlimited(pool)
    with pytest.raises(EngineCapabilityError, match="5000 MiB are free"):
        pool.faults.memory_pressure("execute-1", mb=4999)
    assert (asked, pool.faults.in_force()) == (["room"], [])


def test_failure_is_cleared_away(pool: FakePool, asked: list[str]) -> None:
    """If the node does not get the memory, what was started is killed."""
    refusal = FakeOutcome(returncode=1, stderr="the node does not get 600 MiB of memory")
    pool.engine.on_exec(["sh", "-s", "make"], lambda _: refusal)
    with pytest.raises(CondorMiniError, match="does not get 600 MiB"):
        pool.faults.memory_pressure("execute-1")
    assert (asked, pool.faults.in_force()) == (["room", "end memory"], [])
