"""``condor-mini submit`` on an engine in memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from condor_mini.doctor.findings import warn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result
    from fake_queue import Queue

    Run = Callable[..., Result]


@pytest.fixture
def run(queue: Queue, here: Path, condor_mini_on: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``condor-mini ARGUMENTS`` in the directory of the submit file."""
    monkeypatch.chdir(here)
    return partial(condor_mini_on, queue.engine)


def test_submit_says_what_condor_submit_says(run: Run) -> None:
    """Its words are on stdout, and how to get the results on stderr."""
    result = run("submit", "a.sub")
    assert (result.status, result.out, "condor-mini wait -n mini 7" in result.err) == (
        0,
        "1 job(s) submitted to cluster 7.\n",
        True,
    )


def test_quiet(run: Run) -> None:
    """With -q only the result is printed."""
    assert run("submit", "-q", "a.sub").err == ""


def test_results_come_back(run: Run, queue: Queue, here: Path) -> None:
    """With --wait what the jobs wrote is here."""
    queue.written = {"out": b"it"}
    run("submit", "--wait", "a.sub")
    assert (here / "out").read_bytes() == b"it"


@pytest.fixture
def with_files(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job names files for its output, its errors and its log."""
    ad = queue.job

    def job(**attributes: object) -> dict[str, object]:
        return ad(Out="out", Err="err", UserLog="log", **attributes)

    monkeypatch.setattr(queue, "job", job)


@pytest.mark.usefixtures("with_files")
def test_results_are_shown(run: Run, queue: Queue) -> None:
    """With --wait there is a line for the job, and what it wrote."""
    queue.written = {"out": b"it\n", "err": b"odd\n", "log": b"000 (007.000.000) submitted\n...\n"}
    result = run("submit", "-q", "--wait", "a.sub")
    assert result.out.splitlines()[1:] == [
        "7.0  exit 0  < 1 s  out",
        "  it",
        "  stderr (err):",
        "    odd",
    ]


@pytest.mark.usefixtures("with_files")
def test_log_is_shown_if_asked_for(run: Run, queue: Queue) -> None:
    """With --log the events of the job follow."""
    log = "000 (007.000.000) submitted\n...\n000 (006.000.000) other\n...\n"
    queue.written = {"log": log.encode()}
    result = run("submit", "-q", "--wait", "--log", "a.sub")
    assert result.out.splitlines()[-2:] == ["000 (007.000.000) submitted", "..."]


def test_interrupted_wait_leaves_the_jobs(
    run: Run, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C during the wait is exit code 130; the jobs stay, and a note says how to go on."""

    def interrupt(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("condor_mini.jobs.tracking.wait", interrupt)
    result = run("submit", "--wait", "a.sub")
    told = "condor-mini wait -n mini 7" in result.err
    assert (result.status, told, queue.commands("condor_rm")) == (130, True, [])


def test_submit_json(run: Run, here: Path) -> None:
    """-o json is the clusters, the directory and the jobs, and nothing else is on stdout."""
    assert run("submit", "-o", "json", "--wait", "a.sub").json == {
        "clusters": [7],
        "directory": str(here),
        "jobs": [
            {
                "cluster": 7,
                "proc": 0,
                "status": "completed",
                "exit_code": 0,
                "exit_signal": None,
                "hold_reason": None,
                "remove_reason": None,
            }
        ],
    }


def test_absent_submit_file_is_3(run: Run) -> None:
    """An absent submit file is exit code 3."""
    result = run("submit", "no.sub")
    assert (result.status, result.err) == (
        3,
        "condor-mini: the submit file no.sub does not exist\n",
    )


def test_absent_pool_is_3(run: Run) -> None:
    """An absent pool is exit code 3."""
    assert run("submit", "-n", "other", "a.sub").status == 3


def test_options_of_condor_submit_follow(run: Run, queue: Queue) -> None:
    """What follows -- is condor_submit's."""
    run("submit", "a.sub", "--", "-append", "hold = true", "X=1")
    assert queue.submitted[0].argv[-3:] == ("-append", "hold = true", "X=1")


def test_jobs_that_do_not_start_say_why(
    run: Run, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no job has started after a while, doctor's reason is on stderr, once."""
    finding = warn("job 7.0 on mini-submit-1", "idle: no slots", "Add execution points")
    monkeypatch.setattr("condor_mini.cli.results.PATIENCE_S", 0)
    monkeypatch.setattr("condor_mini.doctor.idle_jobs.idle_job_findings", lambda _: [finding])
    queue.queued = [queue.job(JobStatus=1)]
    result = run("submit", "--wait", "--timeout", "0.5", "a.sub")
    assert result.status == 5
    assert result.err.count("job 7.0 on mini-submit-1: idle: no slots\nAdd execution points") == 1


def test_jobs_that_have_started_need_no_reason(
    run: Run, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one job runs, nobody wonders why the others are idle."""
    monkeypatch.setattr("condor_mini.cli.results.PATIENCE_S", 0)
    queue.queued = [queue.job(JobStatus=1), queue.job(ProcId=1, JobStatus=2)]
    result = run("submit", "--wait", "--timeout", "0.5", "a.sub")
    assert "job 7.0" not in result.err
