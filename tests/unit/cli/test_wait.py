"""``condor-mini wait`` on an engine in memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result
    from fake_queue import Queue

    Run = Callable[..., Result]

HELD = {"JobStatus": 5, "HoldReason": "why"}
RUNNING = {"JobStatus": 2}


@pytest.fixture
def run(queue: Queue, here: Path, condor_mini_on: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``condor-mini ARGUMENTS`` in the directory of the submit file."""
    monkeypatch.chdir(here)
    return partial(condor_mini_on, queue.engine)


def test_status_is_the_jobs(run: Run, queue: Queue) -> None:
    """With --wait the job's status is ours."""
    run("submit", "a.sub")
    queue.ended = [queue.job(ExitCode=3)]
    assert run("wait", "7").status == 3


def test_wait_without_number_is_for_all(run: Run, queue: Queue, here: Path) -> None:
    """What was submitted before is fetched by a wait that names nothing."""
    run("submit", "a.sub")
    queue.queued = [queue.job()]
    queue.written = {"out": b"it"}
    assert (run("wait").status, (here / "out").read_bytes()) == (0, b"it")


def test_wait_with_nothing_to_wait_for(run: Run) -> None:
    """With nothing in the queue there is nothing to wait for."""
    assert run("wait").status == 0


def test_unknown_cluster_is_3(run: Run) -> None:
    """A cluster that never existed is exit code 3."""
    assert run("wait", "9").status == 3


@pytest.mark.parametrize("number", ["0", "-1", "x", "7.0"])
def test_cluster_is_a_number(run: Run, number: str) -> None:
    """Anything but a cluster's number is exit code 2."""
    assert run("wait", "--", number).status == 2


def test_held_job_is_1(run: Run, queue: Queue) -> None:
    """A held job is exit code 1; it stays in the queue, and the error says what can be done."""
    run("submit", "a.sub")
    queue.queued = [queue.job(**HELD)]
    result = run("wait", "7")
    told = "condor-mini exec -n mini --node mini-submit-1 -- condor_rm 7" in result.err
    assert (result.status, told, queue.commands("condor_rm")) == (1, True, [])


def test_removed_jobs_output_is_not_shown(run: Run, queue: Queue) -> None:
    """A job that was removed wrote nothing: what is there is an earlier one's."""
    run("submit", "a.sub")
    queue.written = {"out": b"old"}
    queue.ended = [queue.job(JobStatus=3, RemoveReason="why", Out="out")]
    result = run("wait", "7")
    assert (result.status, "old" in result.out) == (1, False)


def test_timeout_is_5(run: Run, queue: Queue) -> None:
    """The deadline is exit code 5, and the error says how to go on."""
    run("submit", "a.sub")
    queue.queued = [queue.job(**RUNNING)]
    result = run("wait", "7", "--timeout", "0")
    assert (result.status, "condor-mini wait -n mini 7" in result.err) == (5, True)


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
    attributes: dict[str, object],
    shown: dict[str, object],
) -> None:
    """Jobs that did not simply complete are in the JSON too, whatever our status is."""
    run("submit", "a.sub")
    queue.queued, queue.ended = [queue.job(**attributes)], []
    (row,) = run("wait", "-o", "json", "--timeout", "0").json["submissions"]
    assert shown.items() <= row["jobs"][0].items()
