"""Events made of a job in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, JobFailed, PoolNotReady, UsageError
from condor_mini.engine import FakeOutcome
from condor_mini.events import trial
from fake_event_log import FakeEventLog

if TYPE_CHECKING:
    from fake_pool import FakePool


@pytest.fixture
def log(pool: FakePool) -> FakeEventLog:
    """The log of a job of the pool ``ci``, which runs as soon as it is submitted."""
    return FakeEventLog(pool=pool, after={"condor_submit": [0, 1]})


def test_event_is_returned_as_it_stands(pool: FakePool, log: FakeEventLog) -> None:
    """The event has its text, its ClassAd and its job; the job and its directory are removed."""
    log.after["condor_rm"] = [9]
    made = pool.events.make("009")
    assert made.text == "009 (007.000.000) it was so\n"
    assert made.ad == {"EventTypeNumber": 9, "Cluster": 7}
    assert (made.type.number, made.job, made.access_point) == (9, "7.0", "ci-submit-1")
    assert made.log.endswith("/events.log")
    assert log.calls[-2] == ("condor_rm", "7")
    assert log.calls[-1][:2] == ("rm", "-rf")


@pytest.mark.parametrize(
    ("which", "tools"),
    [
        (4, {"condor_vacate_job": [4]}),
        (11, {"condor_suspend": [10], "condor_continue": [11]}),
        (13, {"condor_hold": [12], "condor_release": [13]}),
        (33, {"condor_prio": [33]}),
        (38, {"condor_hold": [37], "condor_release": [38]}),
    ],
)
def test_what_is_done_to_the_job(
    pool: FakePool, log: FakeEventLog, which: int, tools: dict[str, list[int]]
) -> None:
    """The tools that bring the event are run, one after the other."""
    log.after |= tools
    assert pool.events.make(which).type.number == which
    assert [call[0] for call in log.calls if call[0] in tools] == [*tools]


def test_events_of_a_dag_are_in_its_own_log(pool: FakePool, log: FakeEventLog) -> None:
    """A DAG is submitted as such, and the log of its nodes is read."""
    log.after["condor_submit_dag"] = [16]
    assert pool.events.make("PostScriptTerminated").log.endswith("/post-script.dag.nodes.log")


def test_job_is_kept_if_asked(pool: FakePool, log: FakeEventLog) -> None:
    """With ``keep_job`` neither the job nor its log is removed."""
    pool.events.make(1, keep_job=True)
    assert [call[0] for call in log.calls] == ["condor_submit"]


@pytest.mark.parametrize("keep", [False, True])
def test_event_that_does_not_come(pool: FakePool, log: FakeEventLog, keep: bool) -> None:
    """At the deadline the error says what the log has last; the job is removed all the same."""
    with pytest.raises(PoolNotReady, match=r"event 005 .*job 7.0 is: 001 \(007") as caught:
        pool.events.make(5, timeout_s=0, keep_job=keep)
    assert caught.value.hint == "See why: condor-mini doctor -n ci"
    assert log.called("condor_rm") == 1


def test_job_that_stays_is_forgotten(
    pool: FakePool, log: FakeEventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A removed job that does not leave the queue by itself is removed by force."""
    monkeypatch.setattr(trial, "PATIENCE_S", 0)
    log.is_stubborn = True
    pool.events.make(1)
    assert log.calls[-2] == ("condor_rm", "-forcex", "7")
    assert log.calls[-1][0] == "rm"


def test_interrupt_removes_the_job(
    pool: FakePool, log: FakeEventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is after Ctrl-C, and the exception is what is raised."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(trial, "wait_until", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pool.events.make(5)
    assert log.called("condor_rm") == 1


def test_refused_job_leaves_nothing(pool: FakePool, log: FakeEventLog) -> None:
    """If condor_submit refuses the job, its directory is removed."""
    log.refused["condor_submit"] = "no schedd"
    with pytest.raises(JobFailed, match="no schedd"):
        pool.events.make(0)
    assert [call[0] for call in log.calls] == ["condor_submit", "rm"]


def test_refused_dag_leaves_nothing(pool: FakePool, log: FakeEventLog) -> None:
    """So it is with a DAG."""
    log.refused["condor_submit_dag"] = "no schedd"
    with pytest.raises(JobFailed, match="no schedd"):
        pool.events.make(34)
    assert log.calls[-1][0] == "rm"


def test_refused_tool_is_an_error(pool: FakePool, log: FakeEventLog) -> None:
    """What a tool says is the error, and the job is removed."""
    log.refused["condor_prio"] = "not yours"
    with pytest.raises(CommandFailed, match="not yours"):
        pool.events.make(33)
    assert log.called("condor_rm") == 1


@pytest.mark.parametrize("output", ["", '{"EventTypeNumber": 0}', "{ cut off"])
def test_event_that_the_reader_does_not_find(
    pool: FakePool, log: FakeEventLog, output: str
) -> None:
    """If HTCondor's own reader does not find the event, what it says is the error."""
    outcome = FakeOutcome(returncode=1, stdout=output, stderr="no log\n")
    pool.engine.on_exec(["condor_wait"], lambda _: outcome)
    with pytest.raises(CommandFailed, match="no log"):
        pool.events.make(1)
    assert log.called("condor_rm") == 1


def test_event_that_cannot_be_had(pool: FakePool, log: FakeEventLog) -> None:
    """The error says why, and nothing is submitted."""
    with pytest.raises(UsageError, match="002 ExecutableError cannot be had: HTCondor no longer"):
        pool.events.make(2)
    assert log.calls == []


def test_event_of_a_newer_series(pool: FakePool, log: FakeEventLog) -> None:
    """What only HTCondor 25 writes is refused by an access point of 23."""
    pool.add("submit", 2, series="23")
    with pytest.raises(UsageError, match="HTCondor 25 writes it, and ci-submit-2 has 23"):
        pool.events.make(47, node="submit-2")
    assert log.calls == []
