"""What is shown while something is made."""

from __future__ import annotations

import re

import pytest

from condor_mini.base.progress import (
    LiveProgress,
    PlainProgress,
    Progress,
    fitting,
    progress_for_stderr,
)


def test_pipe_gets_plain_lines() -> None:
    """No terminal, no spinner."""
    assert type(progress_for_stderr()) is PlainProgress


def test_quiet_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """-q shows nothing."""
    with progress_for_stderr(quiet=True).step("It"):
        pass
    assert capsys.readouterr() == ("", "")


def test_terminal_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets the live display."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.delenv("CI", raising=False)
    assert type(progress_for_stderr()) is LiveProgress


def test_ci_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """CI gets plain lines, terminal or not."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("CI", "true")
    assert type(progress_for_stderr()) is PlainProgress


def test_step_tells_its_seconds_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """A step that has ended is a line with its seconds, on stderr."""
    with PlainProgress().step("Started HTCondor"):
        pass
    assert re.fullmatch(r"Started HTCondor \(\d\.\d s\)\n", capsys.readouterr().err)


def test_failed_step_is_not_told_as_done(capsys: pytest.CaptureFixture[str]) -> None:
    """A step that failed is no line."""
    with pytest.raises(ZeroDivisionError), PlainProgress().step("Started"):
        raise ZeroDivisionError
    assert capsys.readouterr().err == ""


def test_library_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """The default shows nothing."""
    Progress().note("it")
    assert capsys.readouterr() == ("", "")


def test_pipe_gets_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe a step with a table is one line, like any step."""
    with PlainProgress().table("Waiting", done="The jobs have ended") as show:
        show("2 idle", ["CLUSTER", "3"])
    assert re.fullmatch(r"The jobs have ended \(\d\.\d s\)\n", capsys.readouterr().err)


def test_table_fits_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table on a small terminal is cut to its size, and says how many lines are missing."""
    for name, value in {
        "COLUMNS": "40",
        "LINES": "8",
        "TERM": "xterm",
        "TTY_COMPATIBLE": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with LiveProgress().table("Waiting", done="The jobs have ended") as show:
        show("2 running, 1 idle", ["[b]" + "x" * 60, *map(str, range(20))])
    err = capsys.readouterr().err
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", err).replace("\r", "").splitlines()
    assert any(line.endswith("Waiting: 2 running, 1 idle") for line in drawn)
    assert ("[b]" + "x" * 33 + "…" in drawn, "… 17 more lines" in drawn) == (True, True)
    assert max(map(len, drawn)) <= 40


@pytest.mark.parametrize(
    ("count", "height", "expected"),
    [
        (3, 3, ["0", "1", "2"]),
        (4, 3, ["0", "1", "… 2 more lines"]),
        (3, 0, ["0", "… 2 more lines"]),
    ],
)
def test_lines_that_fit(count: int, height: int, expected: list[str]) -> None:
    """Of too many lines the first are left, and one says how many are missing."""
    assert fitting([*map(str, range(count))], height) == expected
