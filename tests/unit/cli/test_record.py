"""``condor-mini record`` on a pool in memory."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest

from condor_mini.records import looker
from condor_mini.records.recording import Recording
from condor_mini.records.timeline import Timeline
from condor_mini.reports import logs
from recorded_pool import RecordedPool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result
    from fake_pool import FakePool

    Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def recorded(pool: FakePool, monkeypatch: pytest.MonkeyPatch) -> RecordedPool:
    """The pool ``ci``; looks follow each other at once."""
    monkeypatch.setattr(looker, "INTERVAL_S", 0.01)
    monkeypatch.setattr(logs, "LOOK_INTERVAL_S", 0.02)
    return RecordedPool(pool=pool)


@pytest.mark.parametrize("status", [0, 3])
def test_as_long_as_a_command(run: Run, tmp_path: Path, status: int) -> None:
    """It ends with the command, and with its status; the command finds the pool by its name."""
    program = f"import os; open('name', 'w').write(os.environ['CONDOR_MINI_NAME']); exit({status})"
    made = run("record", "new", "-n", "ci", "--", sys.executable, "-c", program)
    assert (made.status, made.out) == (status, "")
    assert (tmp_path / "name").read_text() == "ci"
    assert made.err.splitlines() == [
        "Recording ci to new",
        "Recorded in new: 3 node",
    ]
    assert Timeline.open(tmp_path / "new").is_complete


def test_for_a_time(run: Run, tmp_path: Path) -> None:
    """With --for it ends by itself."""
    made = run("record", "new", "-n", "ci", "--for", "0s", "-q")
    assert (made.status, made.out, made.err) == (0, "", "")
    assert Timeline.open(tmp_path / "new").is_complete


@pytest.mark.parametrize("words", [[], ["--for", "30s"]])
def test_interrupted(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """After Ctrl-C the recording is kept, and the status is that of all commands then."""
    monkeypatch.setattr(Recording, "wait", lambda *_: signal.raise_signal(signal.SIGINT))
    made = run("record", "new", "-n", "ci", *words)
    assert made.status == 130
    assert "Recorded in new: 3 node" in made.err
    assert Timeline.open(tmp_path / "new").is_complete


@pytest.mark.parametrize(("words", "status"), [([], 0), (["--for", "30s"], 5)])
def test_pool_that_is_deleted(
    run: Run, pool: FakePool, monkeypatch: pytest.MonkeyPatch, words: list[str], status: int
) -> None:
    """It ends and says so; before the time is over, that is a failure."""
    wait = Recording.wait

    def delete(recording: Recording, seconds: float | None = None) -> bool:
        pool.engine.remove("ci-master", "ci-submit-1", "ci-execute-1")
        return wait(recording, seconds)

    monkeypatch.setattr(Recording, "wait", delete)
    made = run("record", "new", "-n", "ci", *words)
    assert made.status == status
    assert "The pool was deleted." in made.err
    assert ("was deleted before the 30s were over" in made.err) == bool(status)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["new", "-n", "nope"], 3, "there is no pool nope"),
        ([".", "-n", "ci"], 2, ". is not empty"),
        (["new", "-n", "ci", "--for", "x"], 2, "a duration is wanted"),
        (["new", "-n", "ci", "--for", "1s", "--", "true"], 2, "either --for or a command"),
        (["new", "-n", "ci", "--", "no-such-command"], 127, "there is no command no-such-command"),
        (["new", "-n", "ci", "--", "/"], 126, "/ cannot be run"),
        ([], 2, "Missing argument"),
    ],
)
def test_bad_input(run: Run, tmp_path: Path, words: list[str], status: int, message: str) -> None:
    """Each mistake is named, with the status of its kind."""
    (tmp_path / "file").write_text("x")
    made = run("record", *words)
    assert made.status == status, made.err
    assert message in made.err


def test_command_that_is_signalled(run: Run) -> None:
    """The status of a command that a signal has ended is a shell's."""
    program = "import os; os.kill(os.getpid(), 9)"
    assert run("record", "new", "-n", "ci", "--", sys.executable, "-c", program).status == 137
