"""A job that is out of memory, on nodes in memory: what is taken, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, EngineCapabilityError, NotFound
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from condor_mini.engine import FakeExec
    from fake_pool import FakePool
    from struck_nodes import StruckNodes

NODE = "ci-execute-1"


@pytest.fixture
def running(struck: StruckNodes) -> StruckNodes:
    """The job ``7.0`` runs on a node with a memory limit, of 300 MiB, of which it uses 100."""
    engine = struck.engine
    struck.jobs = {"7.0": 2}
    struck.places = {"7.0": f"slot1_1@{NODE}.nodes.internal"}
    engine.on_exec(["sh", "-s", "room"], lambda _: FakeOutcome(stdout="300 100 5000\n"))
    engine.on_exec(["condor_config_val", "MEMORY_EXCEEDED"], lambda _: FakeOutcome(returncode=1))
    return struck


@pytest.fixture
def taken(running: StruckNodes) -> list[tuple[str, str]]:
    """The node and the words of what takes memory."""
    found: list[tuple[str, str]] = []

    def take(call: FakeExec) -> FakeOutcome:
        found.append((call.container, " ".join(call.argv[3:])))
        return FakeOutcome()

    running.engine.on_exec(["sh", "-s", "take"], take)
    return found


def unlimited(running: StruckNodes, hold: str, amounts: str = "100\t128") -> None:
    """Let the node have no limit, and the job this periodic_hold and these amounts."""
    engine = running.engine
    engine.on_exec(["sh", "-s", "room"], lambda _: FakeOutcome(stdout="0 100 5000\n"))
    asked = ["condor_q", "7.0", "-af:t", "RequestMemory"]
    engine.on_exec(asked, lambda _: FakeOutcome(stdout=f"{amounts}\t{hold}\n"))


def test_more_than_the_limit_is_taken(pool: FakePool, taken: list[tuple[str, str]]) -> None:
    """It is taken where the job runs, and the job's end is waited for."""
    pool.faults.out_of_memory("7")
    assert taken == [(NODE, "end 600 51:510")]


def test_more_than_the_slot_has_is_taken(
    pool: FakePool, running: StruckNodes, taken: list[tuple[str, str]]
) -> None:
    """Without a limit it is what the job's own periodic_hold looks at."""
    unlimited(running, "memoryusage > RequestMemory")
    pool.faults.out_of_memory("7.0")
    assert taken == [(NODE, "use 160 51:510")]


def test_usual_request_counts_where_none_is_known(
    pool: FakePool, running: StruckNodes, taken: list[tuple[str, str]]
) -> None:
    """A job whose ad has no amounts uses more than HTCondor's default."""
    unlimited(running, "MemoryUsage > 1", "undefined\tundefined")
    pool.faults.out_of_memory("7.0")
    assert taken == [(NODE, "use 160 51:510")]


def test_policy_of_the_node_counts(
    pool: FakePool, running: StruckNodes, taken: list[tuple[str, str]]
) -> None:
    """So does HOLD_IF_MEMORY_EXCEEDED, whatever the job says."""
    unlimited(running, "false")
    asked = ["condor_config_val", "MEMORY_EXCEEDED"]
    running.engine.on_exec(asked, lambda _: FakeOutcome(stdout="(MemoryUsage > Memory)\n"))
    pool.faults.out_of_memory("7.0")
    assert taken == [(NODE, "use 160 51:510")]


def test_nothing_would_end_the_job(
    pool: FakePool, running: StruckNodes, taken: list[tuple[str, str]]
) -> None:
    """That is refused before anything is done, and says what is needed."""
    unlimited(running, "NumJobStarts > 3")
    with pytest.raises(EngineCapabilityError, match=r"nothing ends job 7\.0") as refusal:
        pool.faults.out_of_memory("7.0")
    assert "periodic_hold = MemoryUsage" in (refusal.value.hint or "")
    assert taken == []


def test_memory_of_the_machine_is_kept(
    pool: FakePool, running: StruckNodes, taken: list[tuple[str, str]]
) -> None:
    """A limit that the machine itself does not have would have the kernel kill anything."""
    room = FakeOutcome(stdout="9000 100 5000\n")
    running.engine.on_exec(["sh", "-s", "room"], lambda _: room)
    with pytest.raises(EngineCapabilityError, match="8900 MiB of memory on ci-execute-1: 5000"):
        pool.faults.out_of_memory("7.0")
    assert taken == []


def test_job_that_survives_is_an_error(pool: FakePool, running: StruckNodes) -> None:
    """What the node says is the error."""
    refusal = FakeOutcome(returncode=1, stderr="the job has 600 MiB more, and has not ended")
    running.engine.on_exec(["sh", "-s", "take"], lambda _: refusal)
    with pytest.raises(CommandFailed, match="has not ended"):
        pool.faults.out_of_memory("7.0")


def test_job_that_waits_has_no_memory(pool: FakePool, running: StruckNodes) -> None:
    """Only jobs that run can be struck."""
    running.jobs["7.0"] = 1
    with pytest.raises(NotFound, match=r"none of 7\.0 can be: idle"):
        pool.faults.out_of_memory("7.0")


def test_paths_in_place_of_namespaces(
    pool: FakePool, taken: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PRoot makes each look at the processes too slow."""
    info = pool.engine.info()
    monkeypatch.setattr(pool.engine, "info", lambda: replace(info, stops_processes=False))
    with pytest.raises(EngineCapabilityError, match="PRoot"):
        pool.faults.out_of_memory("7.0")
    assert taken == []
