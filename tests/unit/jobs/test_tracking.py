"""Waiting for jobs, and what they wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import JobFailed, PoolNotReady
from condor_mini.engine import FakeOutcome
from condor_mini.jobs import tracking
from condor_mini.jobs.submit import submit_file

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.engine import FakeEngine, FakeExec
    from condor_mini.pool import Pool
    from fake_queue import Queue

HELD = {"JobStatus": 5, "HoldReason": "why"}
RUNNING = {"JobStatus": 2}


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"ExitCode": 0}, 0),
        ({"ExitCode": 3}, 3),
        ({"ExitBySignal": True, "ExitSignal": 9}, 137),
    ],
)
def test_status_is_the_jobs(
    pool: Pool, queue: Queue, here: Path, attributes: dict[str, object], status: int
) -> None:
    """Waiting ends with the job's status; 128 and the number for a signal."""
    submission = submit_file(pool, here / "a.sub")
    queue.ended = [queue.job(**attributes)]
    assert submission.wait() == status


def test_held_job_ends_the_wait(pool: Pool, queue: Queue, here: Path) -> None:
    """A job on hold is reported at once, with its reason and what can be done."""
    submission = submit_file(pool, here / "a.sub")
    queue.queued = [queue.job(**HELD)]
    with pytest.raises(JobFailed, match=r"(?s)7.0 was put on hold: why.*condor_release 7"):
        submission.wait()


REMOVED = {"JobStatus": 3, "RemoveReason": "via condor_rm"}


def test_removed_job_is_waited_for_until_it_has_left_the_queue(
    pool: Pool, queue: Queue, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shadow of a job that is removed still writes its end into the event log."""
    submission = submit_file(pool, here / "a.sub")
    queue.queued, queue.ended = [queue.job(**REMOVED)], []

    def sleep(_: float) -> None:
        queue.queued, queue.ended = [], [queue.job(**REMOVED)]

    monkeypatch.setattr(tracking, "REMOVE_TIMEOUT_S", 60)
    monkeypatch.setattr("time.sleep", sleep)
    with pytest.raises(JobFailed, match=r"7.0 was removed: via condor_rm"):
        submission.wait()
    assert queue.queued == []


def test_removed_job_that_stays_in_the_queue_has_ended(
    pool: Pool, queue: Queue, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose execution point does not answer is not waited for as long as its lease."""
    submission = submit_file(pool, here / "a.sub")
    queue.queued, queue.ended = [queue.job(**REMOVED)], []
    monkeypatch.setattr(tracking, "REMOVE_TIMEOUT_S", 0.3)
    with pytest.raises(JobFailed, match=r"7.0 was removed"):
        submission.wait()


def test_deadline_is_told(pool: Pool, queue: Queue, here: Path) -> None:
    """At the deadline the error says how many jobs are in which state."""
    submission = submit_file(pool, here / "a.sub")
    queue.queued = [queue.job(**RUNNING)]
    with pytest.raises(PoolNotReady, match="not all jobs have ended after 0 s: 1 running, 0 idle"):
        submission.wait(timeout_s=0)


def test_looks_become_rarer(
    pool: Pool, queue: Queue, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longer it lasts, the less often the queue is looked at; every 2 s in the end."""
    submission = submit_file(pool, here / "a.sub")
    queue.queued = [queue.job(**RUNNING)]
    pauses: list[float] = []

    def sleep(pause_s: float) -> None:
        pauses.append(pause_s)
        if len(pauses) == 100:
            queue.queued = []

    monkeypatch.setattr("time.sleep", sleep)
    submission.wait()
    assert (pauses[0], pauses == sorted(pauses), pauses[-1]) == (0.2, True, 2.0)


def test_output_is_read_there(pool: Pool, queue: Queue, engine: FakeEngine, here: Path) -> None:
    """Before it was fetched, an output is read in the access point."""
    submission = submit_file(pool, here / "a.sub")
    assert submission.staging is not None
    path = f"{submission.staging.path}/out"
    engine.on_exec(["cat", "--", path], lambda _: FakeOutcome(stdout="it"))
    assert submission.read(queue.job(Out="out"), "Out") == "it"  # type: ignore[arg-type]


def test_output_is_read_here_when_it_was_fetched(pool: Pool, queue: Queue, here: Path) -> None:
    """After that it is read where it was fetched to."""
    submission = submit_file(pool, here / "a.sub")
    queue.written = {"out": b"it"}
    submission.fetch()
    assert submission.read(queue.job(Out="out"), "Out") == "it"  # type: ignore[arg-type]


def test_copy_stays_while_a_job_is_left(pool: Pool, queue: Queue, here: Path) -> None:
    """The copy is removed when none of its jobs is in the queue any more."""
    submission = submit_file(pool, here / "a.sub")
    queue.queued = [queue.job(**RUNNING)]
    submission.fetch()
    before = queue.commands("rm")
    queue.queued = []
    submission.fetch()
    assert (before, len(queue.commands("rm"))) == ([], 1)


# -- held jobs and others -------------------------------------------------------------------------


def test_other_jobs_are_waited_for_when_one_is_held(
    pool: Pool, queue: Queue, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job on hold does not end the wait for those that run."""
    submission = submit_file(pool, here / "a.sub")
    queue.queued = [queue.job(**HELD), queue.job(ProcId=1, **RUNNING)]
    said: list[str] = []

    def sleep(_: float) -> None:
        queue.queued, queue.ended = [queue.job(**HELD)], [queue.job(ProcId=1)]

    monkeypatch.setattr("time.sleep", sleep)
    with pytest.raises(JobFailed, match=r"7.0 was put on hold: why"):
        submission.wait(on_change=said.append)
    assert said == ["1 running, 0 idle, 1 held"]


def test_job_that_its_policy_releases_is_waited_for(
    pool: Pool, queue: Queue, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A held job that its periodic_release may release has not ended."""
    submission = submit_file(pool, here / "a.sub")
    queue.queued = [queue.job(PeriodicRelease=True, **HELD)]
    tell = queue.tell

    def tell_released(call: FakeExec) -> FakeOutcome:
        return FakeOutcome(stdout="7 0\n") if "-constraint" in call.argv else tell(call)

    def sleep(_: float) -> None:
        queue.queued, queue.ended = [], [queue.job(ExitCode=3)]

    queue.engine.on_exec(["condor_q"], tell_released)
    monkeypatch.setattr("time.sleep", sleep)
    assert submission.wait() == 3


# -- event logs -----------------------------------------------------------------------------------


def test_events_of_a_pool_that_had_the_numbers_before_are_not_shown(
    pool: Pool, queue: Queue, here: Path
) -> None:
    """The events of a job begin with the last one that says that it was submitted."""
    old = "000 (007.000.000) old\n...\n005 (007.000.000) old\n...\n"
    new = "000 (007.000.000) new\n...\n000 (007.001.000) new\n...\n"
    other = "000 (008.000.000) other\n...\n"
    end = "005 (007.000.000) new\n...\n"
    queue.written = {"log": (old + new + other + end).encode()}
    submission = submit_file(pool, here / "a.sub")
    submission.fetch()
    assert submission.events(submission.jobs()[0] | {"UserLog": "log"}) == new + end
