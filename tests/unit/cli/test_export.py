"""``condor-mini export logs`` on an engine in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result
    from fake_pool import FakePool


def test_command_prints_the_directory(pool: FakePool, run: Callable[..., Result]) -> None:
    """The directory is the only thing on stdout."""
    del pool
    shown = run("export", "logs", "-n", "ci", "out")
    assert (shown.status, shown.out) == (0, "out\n")


def test_other_files_may_be_there(
    pool: FakePool, run: Callable[..., Result], tmp_path: Path
) -> None:
    """Other files are left alone; only files that would be overwritten are an error."""
    del pool
    (tmp_path / "out").mkdir()
    (tmp_path / "out/note.txt").touch()
    assert run("export", "logs", "-n", "ci", "out").status == 0
    again = run("export", "logs", "-n", "ci", "out")
    assert (again.status, "summary.txt" in again.err) == (2, True)


def test_directory_that_cannot_be_made_is_1(
    pool: FakePool, run: Callable[..., Result], tmp_path: Path
) -> None:
    """A directory that cannot be made is exit code 1 with one clear message."""
    del pool
    (tmp_path / "file").touch()
    shown = run("export", "logs", "-n", "ci", "file/out")
    assert (shown.status, "cannot be used" in shown.err) == (1, True)
