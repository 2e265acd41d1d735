"""Waiting for jobs, and what they wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, JobFailed, PoolNotReady
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
    assert (pauses[0], pauses == sorted(pauses), pauses[-1]) == (0.05, True, 2.0)


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


def event(kind: int, cluster: int, proc: int, text: str) -> str:
    """An event as HTCondor writes it into a user log."""
    return f"{kind:03} ({cluster:03}.{proc:03}.000) 2026-11-28 16:00:00 {text}\n...\n"


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        pytest.param(
            [(0, 7, 0, "old"), (5, 7, 0, "old"), (0, 7, 0, "new"), (5, 7, 0, "new")],
            ["new", "new"],
            id="log of another pool with the same cluster",
        ),
        pytest.param(
            [(0, 7, 0, "a"), (0, 7, 1, "b"), (5, 7, 1, "b"), (5, 7, 0, "a")],
            ["a", "b", "b", "a"],
            id="order of the file with several jobs",
        ),
        pytest.param(
            [(0, 7, 0, "old"), (0, 7, 1, "gone"), (0, 7, 0, "new")],
            ["gone", "new"],
            id="each job has its own beginning",
        ),
        pytest.param([(0, 6, 0, "x"), (0, 7, 0, "a"), (0, 70, 0, "y")], ["a"], id="other clusters"),
        pytest.param([(5, 7, 0, "a")], ["a"], id="log that was cut"),
        pytest.param([], [], id="no log"),
    ],
)
def test_events_begin_with_the_last_submission(
    pool: Pool,
    queue: Queue,
    engine: FakeEngine,
    here: Path,
    log: list[tuple[int, int, int, str]],
    shown: list[str],
) -> None:
    """Events of an earlier pool that used the same cluster and file are not a job's."""
    submission = submit_file(pool, here / "a.sub")
    text = "".join(event(*entry) for entry in log)
    engine.on_exec(["cat"], lambda _: FakeOutcome(stdout=text))
    events = submission.events(queue.job(UserLog="log"))  # type: ignore[arg-type]
    assert [line.split()[-1] for line in events.splitlines() if line != "..."] == shown


def test_spooled_job_brings_its_files_back(
    pool: Pool, queue: Queue, engine: FakeEngine, here: Path
) -> None:
    """Of the jobs in the queue, those that are spooled and have completed are transferred."""
    submission = submit_file(pool, here / "a.sub", arguments=["-spool"])
    engine.on_exec(["condor_transfer_data"], lambda _: FakeOutcome())
    queue.queued = [
        queue.job(SUBMIT_Iwd="/there"),
        queue.job(ProcId=1, SUBMIT_Iwd="/there", **RUNNING),
        queue.job(ProcId=2),
    ]
    submission.fetch()
    assert queue.commands("condor_transfer_data") == [("condor_transfer_data", "7.0")]


def test_files_that_stay_in_the_spool_are_told(
    pool: Pool, queue: Queue, engine: FakeEngine, here: Path
) -> None:
    """If they cannot be had, the error has the tool's words."""
    submission = submit_file(pool, here / "a.sub")
    failure = FakeOutcome(returncode=1, stderr="no spool")
    engine.on_exec(["condor_transfer_data"], lambda _: failure)
    queue.queued = [queue.job(SUBMIT_Iwd="/there")]
    with pytest.raises(CommandFailed, match="no spool"):
        submission.fetch()


def test_dump_comes_back(pool: Pool, queue: Queue, engine: FakeEngine, here: Path) -> None:
    """With -dump nothing is in the queue, the file comes back, and no copy stays."""
    dumped = "Storing job ClassAd(s).\n1 job(s) submitted to cluster 1.\n"

    def dump(call: FakeExec) -> FakeOutcome:
        return queue.submit(call) if "-dry-run" in call.argv else FakeOutcome(stdout=dumped)

    engine.on_exec(["condor_submit"], dump)
    queue.written = {"ads.txt": b"ads"}
    submission = submit_file(pool, here / "a.sub", arguments=["-dump", "ads.txt"])
    assert (submission.clusters, (here / "ads.txt").read_text()) == ((), "ads")
    assert len(queue.commands("rm")) == 1
