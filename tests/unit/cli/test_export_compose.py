"""``condor-mini export compose``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result


def test_files_are_written_and_not_overwritten(run: Callable[..., Result], tmp_path: Path) -> None:
    """A second time they are only written with --force."""
    target = tmp_path / "new" / "directory"
    shown = run("export", "compose", "-n", "ci", "--execute", "3", str(target))
    assert (shown.status, shown.out) == (0, f"{target}/compose.yaml\n")
    assert "scale: 3" in (target / "compose.yaml").read_text()
    assert (target / "config/ci.40-pool").is_file()
    again = run("export", "compose", str(target))
    assert again.status == 4
    assert f"condor-mini export compose --force {target}" in again.err
    assert run("export", "compose", "--force", str(target)).status == 0


def test_a_place_that_cannot_be_written(run: Callable[..., Result], tmp_path: Path) -> None:
    """The message says why."""
    (tmp_path / "file").write_text("")
    shown = run("export", "compose", str(tmp_path / "file"))
    assert shown.status == 2
    assert f"{tmp_path}/file cannot be written: " in shown.err
