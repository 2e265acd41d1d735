"""A scenario on a pool in memory: what strikes when, what is healed, what is left."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound, UsageError
from condor_mini.base.progress import Progress
from condor_mini.chaos import jobs as jobs_module
from condor_mini.chaos.scenario import Scenario
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_pool import FakePool
    from struck_nodes import StruckNodes

NODE = "ci-execute-1"
FREEZE = "version: 1\nsteps: [{at: 100ms, fault: freeze, target: execute-1/startd, for: 200ms}]"


@dataclass
class Told(Progress):
    """What is said of the run; a test does something when it is."""

    react: Callable[[str], object] = lambda _: None
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Remember the line without its time."""
        words = text.partition(" s  ")[2] or text
        self.notes.append(words)
        self.react(words)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "LOOK_INTERVAL_S", 0.02)


def end_jobs_after(struck: StruckNodes, words: str) -> Told:
    """Let all jobs complete when that is said."""

    def react(said: str) -> None:
        if said.startswith(words):
            struck.jobs.clear()

    return Told(react)


def test_fault_strikes_and_is_healed(pool: FakePool, struck: StruckNodes) -> None:
    """In its time, and each job is accounted for."""
    told = end_jobs_after(struck, "Healed")
    result = pool.run_scenario(Scenario.load(FREEZE), progress=told)
    assert told.notes == [
        "freeze execute-1/startd for 0.2 s",
        f"Healed freeze {NODE}/startd",
        "All jobs have ended, or stay held",
    ]
    assert result.is_whole
    assert [job.id for job in result.jobs] == ["3.0", "3.1"]
    (fault,) = result.faults
    assert 0.1 <= (fault.struck_s or 0) < (fault.ended_s or 0) <= result.took_s
    assert (fault.recovered_s or 0) >= (fault.ended_s or 0)
    assert not struck.frozen(NODE)
    assert not pool.faults.in_force()


def test_part_of_the_jobs(pool: FakePool, struck: StruckNodes) -> None:
    """A step at 50 % waits until one of two jobs has ended."""
    first = "{at: 100ms, fault: stop, target: execute-2/startd, for: 50ms}"
    last = "{at: 50%, fault: evict, target: ProcId == 0}"

    def react(said: str) -> None:
        if said.startswith("stop"):
            del struck.jobs["3.1"]
        if said.startswith("evict"):
            struck.jobs.clear()

    told = Told(react)
    scenario = Scenario.load(f"version: 1\nsteps: [{first}, {last}]")
    assert pool.run_scenario(scenario, progress=told).is_whole
    assert [note.split()[0] for note in told.notes] == ["stop", "Healed", "evict", "All"]


def test_fault_without_a_time_ends_with_the_scenario(pool: FakePool, struck: StruckNodes) -> None:
    """It stays in force until the jobs have ended."""
    told = end_jobs_after(struck, "freeze")
    text = "version: 1\nsteps: [{fault: freeze, target: execute-1/startd}]"
    result = pool.run_scenario(Scenario.load(text), progress=told)
    assert told.notes[-2:] == ["All jobs have ended, or stay held", f"Healed freeze {NODE}/startd"]
    assert result.is_whole


def test_what_comes_too_late_is_told(pool: FakePool, struck: StruckNodes) -> None:
    """A step after the end of all jobs was not made, and that is no success."""
    told = end_jobs_after(struck, "Healed")
    late = "{at: 1h, fault: evict}"
    scenario = Scenario.load(FREEZE.replace("}]", f"}}, {late}]"))
    result = pool.run_scenario(scenario, progress=told)
    assert [one.problem for one in result.faults] == ["", "all was over before it was due"]
    assert not result.is_whole


def test_time_is_up(pool: FakePool, struck: StruckNodes) -> None:
    """Jobs that do not end are told with their states, and the faults are healed."""
    text = "version: 1\ntimeout: 300ms\nsteps: [{fault: freeze, target: execute-1/startd}]"
    result = pool.run_scenario(Scenario.load(text), progress=Progress())
    assert result.problems == ("not over after 0.3 s: 2 running",)
    assert not struck.frozen(NODE)
    assert {job.state for job in result.jobs} == {"running"}


def test_interrupt_heals(pool: FakePool, struck: StruckNodes) -> None:
    """Ctrl-C undoes what is in force."""
    told = Told(lambda said: signal.raise_signal(signal.SIGINT) if "freeze" in said[:6] else None)
    text = "version: 1\nsteps: [{fault: freeze, target: execute-1/startd}]"
    with pytest.raises(KeyboardInterrupt):
        pool.run_scenario(Scenario.load(text), progress=told)
    assert not struck.frozen(NODE)
    assert not pool.faults.in_force()


def test_node_that_stays_ended_is_told(pool: FakePool, struck: StruckNodes) -> None:
    """A killed master takes its node along: the pool is not as it was."""

    def react(said: str) -> None:
        if said.startswith("kill"):
            pool.engine.end(NODE, exit_code=137)
            struck.jobs.clear()

    text = "version: 1\nsteps: [{fault: kill, target: execute-1/master}]"
    result = pool.run_scenario(Scenario.load(text), progress=Told(react))
    (problem,) = result.problems
    assert problem.startswith(f"the node {NODE} has ended with 137")


def test_schedd_that_does_not_answer(pool: FakePool, struck: StruckNodes) -> None:
    """A look that fails is no end of the run: the next one sees the jobs again."""
    failing = [True, True, False]
    queue = struck._queue

    def ask(call: object) -> FakeOutcome:
        if failing and failing.pop(0):
            return FakeOutcome(returncode=1, stderr="no schedd")
        return queue(call)  # type: ignore[arg-type]

    scenario = Scenario.load(FREEZE)

    def react(said: str) -> None:
        if said.startswith("freeze"):
            pool.engine.on_exec(["condor_q"], ask)
        if said.startswith("Healed"):
            struck.jobs.clear()

    assert pool.run_scenario(scenario, progress=Told(react)).is_whole
    assert not failing


def test_nothing_is_done_if_a_fault_cannot_be_made(pool: FakePool, struck: StruckNodes) -> None:
    """The second step names no node: the first is not made either."""
    text = FREEZE.replace("}]", "}, {fault: kill-node, target: execute-9}]")
    with pytest.raises(NotFound, match="no node execute-9"):
        pool.run_scenario(Scenario.load(text), progress=Progress())
    assert not struck.signalled


def test_no_jobs(pool: FakePool, struck: StruckNodes) -> None:
    """A scenario beside nothing is an error that says what to do."""
    struck.jobs.clear()
    with pytest.raises(NotFound, match="has no jobs"):
        pool.run_scenario(Scenario.load(FREEZE), progress=Progress())


# -- beside a command ------------------------------------------------------------------------------


@pytest.fixture
def _clock(pool: FakePool) -> None:
    seconds = iter(range(1_800_000_000, 1_900_000_000))
    pool.engine.on_exec(["date"], lambda _: FakeOutcome(stdout=f"{next(seconds)}\n"))


@pytest.mark.usefixtures("_clock", "struck")
@pytest.mark.parametrize("status", [0, 3])
def test_beside_a_command(pool: FakePool, status: int) -> None:
    """It is over when the command has ended, whose status counts."""
    argv = [sys.executable, "-c", f"import time; time.sleep(0.6); raise SystemExit({status})"]
    result = pool.run_scenario(Scenario.load(FREEZE), command=argv, progress=Progress())
    assert (result.command_status, result.is_whole) == (status, status == 0)
    assert result.faults[0].ended_s is not None


@pytest.mark.usefixtures("_clock", "struck")
def test_command_ends_with_us(pool: FakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    """When time is up, the command is ended."""
    monkeypatch.setattr("condor_mini.chaos.workload.GRACE_S", 0.05)
    text = FREEZE.replace("steps", "timeout: 500ms\nsteps")
    argv = [sys.executable, "-c", "import time; time.sleep(600)"]
    result = pool.run_scenario(Scenario.load(text), command=argv, progress=Progress())
    assert result.problems[0].startswith("not over after 0.5 s")
    assert result.command_status is None


@pytest.mark.usefixtures("_clock", "struck")
@pytest.mark.parametrize(
    ("text", "argv", "error"),
    [
        (FREEZE, ["/no/such/program"], "cannot be run: No such file or directory"),
        ("version: 1\nsteps: [{at: 5%, fault: evict}]", ["true"], "with a command, give times"),
        (
            f"{FREEZE}\nworkload: {{submit: {{executable: /bin/true}}}}",
            ["true"],
            "takes no command",
        ),
    ],
)
def test_bad_commands(pool: FakePool, text: str, argv: list[str], error: str) -> None:
    """They are refused before anything is done."""
    with pytest.raises((NotFound, UsageError), match=error):
        pool.run_scenario(Scenario.load(text), command=argv, progress=Progress())
    assert not pool.faults.in_force()
