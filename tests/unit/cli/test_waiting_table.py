"""What a terminal shows while jobs are waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from condor_mini.base.progress import LiveProgress
from condor_mini.cli.waiting_table import WaitingTable
from condor_mini.jobs.submit import submit_file
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result
    from condor_mini.jobs.job_ads import JobAd
    from condor_mini.jobs.tracking import Submission
    from fake_queue import Queue


@pytest.fixture
def submission(queue: Queue, here: Path) -> Submission:
    """Jobs of cluster 7."""
    return submit_file(Pool(queue.engine, "mini"), here / "a.sub")


def _job(proc: int, status: int, node: int = 0) -> JobAd:
    ad: dict[str, object] = {"ClusterId": 7, "ProcId": proc, "JobStatus": status}
    if node:
        ad["RemoteHost"] = f"slot1_{proc}@mini-execute-{node}.nodes.internal"
    return cast("JobAd", {**ad, "TotalSubmitProcs": 9})


def test_jobs_by_state_and_place(submission: Submission) -> None:
    """A cluster has a line: how many jobs are idle, run, are held, have ended, and where."""
    table = WaitingTable()
    running = [_job(1, 2, 1), _job(2, 2, 2), _job(3, 6, 2)]
    table.look([(submission, [_job(0, 1), *running, _job(4, 5), _job(5, 4), _job(6, 3)])])
    assert [line.split(None, 5) for line in table.lines()] == [
        ["CLUSTER", "IDLE", "RUNNING", "HELD", "DONE", "WHERE"],
        ["7", "1", "3", "1", "4", "mini-execute-1 (1), mini-execute-2 (2)"],
    ]


def test_jobs_that_left_the_queue_are_done(submission: Submission) -> None:
    """How many there were is kept when none is left in the queue."""
    table = WaitingTable()
    table.look([(submission, [_job(0, 1)])])
    table.look([(submission, [])])
    assert table.lines()[1].split() == ["7", "0", "0", "0", "9", "-"]


def test_cluster_that_was_never_seen(submission: Submission) -> None:
    """Jobs that had ended before the first look are all done."""
    table = WaitingTable()
    table.look([(submission, [])])
    assert table.lines()[1].split() == ["7", "0", "0", "0", "all", "-"]


def test_jobs_that_are_not_made_yet_are_idle(submission: Submission) -> None:
    """Jobs that wait for `max_materialize` are idle, and not done."""
    table = WaitingTable()
    ads = [_job(2, 2, 1), _job(3, 1)]
    for ad in ads:
        ad["JobMaterializeNextProcId"] = 4
    table.look([(submission, ads)])
    assert table.lines()[1].split()[:5] == ["7", "6", "1", "0", "2"]


def test_terminal_shows_the_table(
    queue: Queue,
    here: Path,
    condor_mini_on: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`submit --wait` draws the table on a terminal, and the jobs' lines at the end."""
    monkeypatch.chdir(here)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("condor_mini.base.progress.progress_for_stderr", lambda **_: LiveProgress())
    looks = iter([None, None])

    def sleep(_: float) -> None:
        if next(looks, "end") == "end":
            queue.queued, queue.ended = [], [queue.job(ExitCode=0)]

    monkeypatch.setattr("condor_mini.jobs.tracking.time.sleep", sleep)
    queue.queued = [queue.job(JobStatus=2, RemoteHost="slot1_1@x.nodes", TotalSubmitProcs=1)]
    result = condor_mini_on(queue.engine, "submit", "--wait", "a.sub")
    assert (result.status, result.out.splitlines()[1]) == (0, "7.0  exit 0  < 1 s")
    assert "Waiting for the jobs: 1 running, 0 idle" in result.err
    assert "7        0     1        0     0     x (1)" in result.err
