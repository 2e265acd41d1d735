"""What is printed of jobs that have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.cli import job_lines
from condor_mini.cli.job_lines import MOST_JOBS, duration
from condor_mini.jobs.previews import MOST_LINES
from condor_mini.jobs.submit import submit_file
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fake_queue import Queue

    Show = Callable[..., list[str]]


@pytest.fixture
def show(
    queue: Queue,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Show:
    """Submits a file, lets jobs with these attributes end, and returns the lines that are shown."""
    monkeypatch.chdir(here)

    def shown(*ads: dict[str, object], **written: bytes) -> list[str]:
        submission = submit_file(Pool(queue.engine, "mini"), here / "a.sub")
        queue.ended = [
            queue.job(**{"ProcId": number, "Out": "out", "Err": "err", **ad})
            for number, ad in enumerate(ads)
        ]
        queue.written = written
        submission.fetch()
        job_lines.show([submission], with_log=False)
        return capsys.readouterr().out.splitlines()

    return shown


def test_failures_come_first(show: Show) -> None:
    """A job that failed stands before those that did not, with its status."""
    lines = show({}, {"ExitCode": 3}, {"ExitBySignal": True, "ExitSignal": 9})
    assert [line.split("  ")[:2] for line in lines] == [
        ["7.1", "exit 3"],
        ["7.2", "signal 9"],
        ["7.0", "exit 0"],
    ]


@pytest.mark.parametrize(
    ("attributes", "line"),
    [
        ({"JobStatus": 3, "RemoveReason": "via condor_rm"}, "7.0  removed  < 1 s  via condor_rm"),
        ({"JobStatus": 5, "HoldReason": "no such file"}, "7.0  held  < 1 s  no such file"),
        ({"RemoteWallClockTime": 75.0}, "7.0  exit 0  75 s  out"),
    ],
)
def test_line_of_a_job(show: Show, attributes: dict[str, object], line: str) -> None:
    """A job's line has its outcome, its duration, and the reason or the output's file."""
    assert show(attributes)[0] == line


def test_advice_follows_the_failures(
    queue: Queue,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What to type is printed once, however many jobs failed for the same reason."""
    monkeypatch.setattr(job_lines, "advice", lambda _, text: f"Install {text}")
    submission = submit_file(Pool(queue.engine, "mini"), here / "a.sub")
    queue.ended = [queue.job(ProcId=n, ExitCode=127, Err="err") for n in range(2)]
    queue.written = {"err": b"it"}
    submission.fetch()
    job_lines.show([submission], with_log=False)
    assert capsys.readouterr().err.count("Install it") == 1


def test_removed_job_shows_no_files(show: Show) -> None:
    """A removed job wrote nothing: the file that is there is an earlier job's."""
    assert show({"JobStatus": 3}, out=b"old\n") == ["7.0  removed  < 1 s"]


def test_long_output_is_only_named(show: Show) -> None:
    """A long output is not shown: the line says how large the file is."""
    assert show({}, out=b"0123456789\n" * 500) == ["7.0  exit 0  < 1 s  out (5.5 kB)"]


def test_end_of_a_failures_errors_is_shown(show: Show) -> None:
    """Of a failed job's long standard error the end is shown."""
    lines = show({"ExitCode": 1}, err=b"".join(b"%d\n" % n for n in range(9000)))
    assert (lines[1], lines[-1]) == ("  stderr (the end of err):", "    8999")
    assert len(lines) == MOST_LINES + 2


def test_one_file_for_both_is_shown_once(show: Show) -> None:
    """What goes to one file is shown once."""
    assert show({"Err": "out"}, out=b"it\n") == ["7.0  exit 0  < 1 s  out", "  it"]


def test_bytes_that_are_no_text_are_shown_as_such(show: Show) -> None:
    """Output that is no text does no harm."""
    assert show({}, out=b"\xff\n")[1] == "  \ufffd"


def test_many_jobs_are_counted(show: Show) -> None:
    """Of many jobs only failures have lines, and of many failures only the first."""
    lines = show(*[{}] * 50, *[{"ExitCode": 1}] * 12)
    assert len(lines) == MOST_JOBS + 2
    assert lines[-2:] == ["2 more jobs failed", "50 jobs  exit 0"]


def test_what_has_not_ended_is_counted(show: Show) -> None:
    """After a deadline the jobs that have not ended are counted by state."""
    assert show({"JobStatus": 1}, {"JobStatus": 2}) == ["Not ended: 1 running, 1 idle"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "< 1 s"), (1, "1 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (9000, "2.5 h")],
)
def test_duration(seconds: float, words: str) -> None:
    """A duration has a unit that suits it."""
    assert duration(seconds) == words
