"""Commands on a terminal are recorded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from website import recorder
from website.recorder import RecordingFailed, record
from website.script import Script, Step

if TYPE_CHECKING:
    from pathlib import Path

    from website.cast import Cast

HIDDEN = "\x1b]133;"


def script(*steps: Step, before: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> Script:
    """Return a script of these steps."""
    return Script(name="test", title="Title", before=before, steps=steps, after=after)


def shown(made: Cast) -> str:
    """Return all that a recording shows."""
    return "".join(text for _, text in made.events)


def test_recording(tmp_path: Path) -> None:
    """A recording has the prompt, what is typed, and what the command shows on a terminal."""
    made = record(
        script(Step(command="echo $((20 + 22))"), Step(command="test -t 1 && tput cols")),
        tmp_path,
        os.environ,
    )
    assert shown(made) == ("$ echo $((20 + 22))\r\n42\r\n$ test -t 1 && tput cols\r\n96\r\n$ ")
    assert HIDDEN not in made.text


def test_status(tmp_path: Path) -> None:
    """A command that is expected to fail may fail."""
    assert "$ (exit 5)" in shown(
        record(script(Step(command="(exit 5)", status=5)), tmp_path, os.environ)
    )


def test_unexpected_status(tmp_path: Path) -> None:
    """A command that ends otherwise than expected is an error, with what it showed."""
    with pytest.raises(
        RecordingFailed, match=r"test: cat missing ended with 1, and not 0"
    ) as error:
        record(script(Step(command="cat missing")), tmp_path, os.environ)
    assert "No such file" in str(error.value)


def test_inner_shell(tmp_path: Path) -> None:
    """What is typed into a shell that a command gives waits for its prompt."""
    inner = "PROMPT_COMMAND= PS1='jovyan@mini:~/work$ ' bash --norc -i"
    made = record(
        script(Step(command=inner, inside=("echo $((1 + 1))", "exit"))), tmp_path, os.environ
    )
    assert "jovyan@mini:~/work$ echo $((1 + 1))\r\n2\r\n" in shown(made)


def test_before_and_after(tmp_path: Path) -> None:
    """What is run before and after is not seen, and the latter is run whatever happened."""
    steps = script(
        Step(command="cat made"),
        Step(command="false"),
        before=("echo 1 >made",),
        after=("rm made",),
    )
    with pytest.raises(RecordingFailed, match="false ended with 1"):
        record(steps, tmp_path, os.environ)
    assert not (tmp_path / "made").exists()


def test_failed_preparation(tmp_path: Path) -> None:
    """A preparation that fails is an error, with what it wrote."""
    with pytest.raises(
        RecordingFailed, match=r"recording test: echo why; exit 3 ended with 3:\nwhy"
    ):
        record(script(before=("echo why; exit 3",)), tmp_path, os.environ)


def test_endless_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that does not end is an error after the deadline."""
    monkeypatch.setattr(recorder, "STEP_TIMEOUT_S", 0.5)
    with pytest.raises(RecordingFailed, match="sleep 1000: not there after"):
        record(script(Step(command="sleep 1000")), tmp_path, os.environ)


def test_shell_that_ends(tmp_path: Path) -> None:
    """A script that leaves the shell is an error, at once."""
    with pytest.raises(RecordingFailed, match="exit 0: the shell has ended"):
        record(script(Step(command="exit 0")), tmp_path, os.environ)
