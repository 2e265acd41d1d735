"""``condor-mini export kubernetes``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result


def test_files_are_written_and_not_overwritten(run: Callable[..., Result], tmp_path: Path) -> None:
    """A second time they are only written with --force."""
    target = tmp_path / "new" / "directory"
    shown = run("export", "kubernetes", "-n", "ci", "--execute", "3", str(target))
    assert (shown.status, shown.out) == (0, f"{target}/kustomization.yaml\n")
    assert "replicas: 3" in (target / "manifests/execution-points.yaml").read_text()
    again = run("export", "kubernetes", str(target))
    assert again.status == 4
    assert f"condor-mini export kubernetes --force {target}" in again.err
    assert run("export", "kubernetes", "--force", str(target)).status == 0


def test_all_that_a_pool_file_cannot_have_is_said(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    """And nothing is written."""
    file = tmp_path / "pool.yaml"
    file.write_text("version: 1\nreachable: true\naccess_points: [{ports: ['80']}]\n")
    shown = run("export", "kubernetes", "-c", str(file), str(tmp_path / "out"))
    assert shown.status == 2
    assert [words in shown.err for words in ("- reachable: ", "- ports: ")] == [True, True]
    assert not (tmp_path / "out").exists()
