"""What is shown while something is made."""

from __future__ import annotations

import re

import pytest

from condor_mini.base.progress import LiveProgress, PlainProgress, Progress, progress_for_stderr


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
