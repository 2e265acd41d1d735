"""``condor-mini submit`` and ``condor-mini wait`` on an engine in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from condor_mini.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from condor_mini.engine import FakeEngine

    from .conftest import Queue

    Run = Callable[..., int]

HELD = {"JobStatus": 5, "HoldReason": "why"}
RUNNING = {"JobStatus": 2}


@pytest.fixture
def run(
    engine: FakeEngine, queue: Queue, here: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int]:
    """``condor-mini ARGUMENTS`` in the directory of the submit file; the status."""
    del queue
    monkeypatch.setattr("condor_mini.engines.find_engine", lambda *_: engine)
    monkeypatch.delenv("CONDOR_MINI_NAME", raising=False)
    monkeypatch.chdir(here)

    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["condor-mini", *arguments])
        monkeypatch.setattr("condor_mini.cli.signal.signal", lambda *_: None)
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run


def test_submit_says_what_condor_submit_says(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Its words are on stdout, and how to get the results on stderr."""
    status = run("submit", "a.sub")
    out, err = capsys.readouterr()
    assert (status, out, "condor-mini wait -n mini 7" in err) == (
        0,
        "1 job(s) submitted to cluster 7.\n",
        True,
    )


def test_quiet(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """With -q only the result is told."""
    run("submit", "-q", "a.sub")
    assert capsys.readouterr().err == ""


def test_results_come_back(run: Run, queue: Queue, here: Path) -> None:
    """With --wait what the jobs wrote is here."""
    queue.written = {"out": b"it"}
    run("submit", "--wait", "a.sub")
    assert (here / "out").read_bytes() == b"it"


def test_results_are_shown(
    run: Run, queue: Queue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --wait outputs and event log are shown."""
    log = "000 (007.000.000) submitted\n...\n000 (006.000.000) other\n...\n"
    queue.written = {"out": b"it\n", "err": b"odd\n", "log": log.encode()}
    ad = queue.job

    def job(**attributes: object) -> dict[str, object]:
        return ad(Out="out", Err="err", UserLog="log", **attributes)

    monkeypatch.setattr(queue, "job", job)
    run("submit", "-q", "--wait", "a.sub")
    assert capsys.readouterr() == (
        "1 job(s) submitted to cluster 7.\nit\n000 (007.000.000) submitted\n...\n",
        "odd\n",
    )


def test_status_is_the_jobs(run: Run, queue: Queue) -> None:
    """With --wait the job's status is ours."""
    run("submit", "a.sub")
    queue.ended = [queue.job(ExitCode=3)]
    assert run("wait", "7") == 3


def test_wait_without_number_is_for_all(run: Run, queue: Queue, here: Path) -> None:
    """What was submitted before is fetched by a wait that names nothing."""
    run("submit", "a.sub")
    queue.queued = [queue.job()]
    queue.written = {"out": b"it"}
    assert (run("wait"), (here / "out").read_bytes()) == (0, b"it")


def test_wait_with_nothing_to_wait_for(run: Run) -> None:
    """With nothing in the queue there is nothing to wait for."""
    assert run("wait") == 0


def test_unknown_cluster_is_3(run: Run) -> None:
    """A cluster that never was is 3."""
    assert run("wait", "9") == 3


@pytest.mark.parametrize("number", ["0", "-1", "x", "7.0"])
def test_cluster_is_a_number(run: Run, number: str) -> None:
    """What is no cluster's number is 2."""
    assert run("wait", "--", number) == 2


def test_held_job_is_1(run: Run, queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    """A held job is 1; it stays in the queue, and what can be done is told."""
    run("submit", "a.sub")
    queue.queued = [queue.job(**HELD)]
    status = run("wait", "7")
    told = "condor-mini exec -n mini --node mini-submit-1 -- condor_rm 7" in capsys.readouterr().err
    assert (status, told, queue.commands("condor_rm")) == (1, True, [])


def test_removed_jobs_output_is_not_shown(
    run: Run, queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job that was removed wrote nothing: what is there is an earlier one's."""
    run("submit", "a.sub")
    queue.written = {"out": b"old"}
    queue.ended = [queue.job(JobStatus=3, RemoveReason="why", Out="out")]
    status = run("wait", "7")
    assert (status, "old" in capsys.readouterr().out) == (1, False)


def test_timeout_is_5(run: Run, queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    """At the deadline it is 5, and how to go on is told."""
    run("submit", "a.sub")
    queue.queued = [queue.job(**RUNNING)]
    capsys.readouterr()
    status = run("wait", "7", "--timeout", "0")
    assert (status, "condor-mini wait -n mini 7" in capsys.readouterr().err) == (5, True)


@pytest.mark.parametrize("attributes", [HELD, RUNNING], ids=["held", "late"])
def test_what_there_is_is_fetched_all_the_same(
    run: Run, queue: Queue, here: Path, attributes: dict[str, object]
) -> None:
    """A job on hold, or a deadline, does not keep the log from coming back."""
    run("submit", "a.sub")
    queue.queued = [queue.job(**attributes)]
    queue.written = {"log": b"it"}
    run("wait", "7", "--timeout", "0")
    assert (here / "log").read_bytes() == b"it"


def test_interrupted_wait_leaves_the_jobs(
    run: Run, queue: Queue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C while we wait is 130; the jobs stay, and how to go on is told."""

    def interrupt(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("condor_mini.jobs.tracking.wait", interrupt)
    status = run("submit", "--wait", "a.sub")
    told = "condor-mini wait -n mini 7" in capsys.readouterr().err
    assert (status, told, queue.commands("condor_rm")) == (130, True, [])


def test_submit_json(run: Run, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """-o json is the clusters, the directory and the jobs, and nothing else is on stdout."""
    run("submit", "-o", "json", "--wait", "a.sub")
    assert json.loads(capsys.readouterr().out) == {
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


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        (HELD, {"status": "held", "exit_code": None, "hold_reason": "why"}),
        (RUNNING, {"status": "running", "exit_code": None, "hold_reason": None}),
        (
            {"ExitBySignal": True, "ExitSignal": 9},
            {"status": "completed", "exit_code": None, "exit_signal": 9},
        ),
    ],
    ids=["held", "running", "signal"],
)
def test_json_of_other_jobs(
    run: Run,
    queue: Queue,
    capsys: pytest.CaptureFixture[str],
    attributes: dict[str, object],
    shown: dict[str, object],
) -> None:
    """Jobs that did not simply complete are in the JSON too, whatever our status is."""
    run("submit", "a.sub")
    queue.queued, queue.ended = [queue.job(**attributes)], []
    capsys.readouterr()
    run("wait", "-o", "json", "--timeout", "0")
    (row,) = json.loads(capsys.readouterr().out)["submissions"]
    assert shown.items() <= row["jobs"][0].items()


def test_absent_submit_file_is_3(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """A submit file that is not there is 3."""
    status = run("submit", "no.sub")
    assert (status, capsys.readouterr().err) == (
        3,
        "condor-mini: the submit file no.sub does not exist\n",
    )


def test_absent_pool_is_3(run: Run) -> None:
    """A pool that is not there is 3."""
    assert run("submit", "-n", "other", "a.sub") == 3


def test_options_of_condor_submit_follow(run: Run, queue: Queue) -> None:
    """What follows -- is condor_submit's."""
    run("submit", "a.sub", "--", "-append", "hold = true", "X=1")
    assert queue.submitted[0].argv[-3:] == ("-append", "hold = true", "X=1")
