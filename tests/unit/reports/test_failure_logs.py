"""The logs that are saved when a command fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, EngineNotFound
from condor_mini.reports.failure_logs import export_logs, failure_directory

if TYPE_CHECKING:
    from pathlib import Path

    from fake_pool import FakePool


@pytest.mark.parametrize(
    "error", [EngineNotFound("gone"), CommandFailed(["x"], None, ""), RuntimeError("bug")]
)
def test_failure_never_raises(
    pool: FakePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Saving logs raises nothing, whatever the engine does."""
    nodes = pool.nodes

    def fail(*_: object, **__: object) -> None:
        raise error

    for method in ("logs", "exec", "copy_out_archive", "info", "inspect", "containers"):
        monkeypatch.setattr(pool.engine, method, fail)
    export_logs(pool.engine, nodes, tmp_path / "out")
    assert "ci-master" in (tmp_path / "out/summary.txt").read_text()


def test_failure_with_no_nodes(pool: FakePool, tmp_path: Path) -> None:
    """Without any node the summary says so."""
    export_logs(pool.engine, [], tmp_path / "out")
    assert "There are no nodes." in (tmp_path / "out/summary.txt").read_text()


def test_failure_where_nothing_can_be_written(pool: FakePool, tmp_path: Path) -> None:
    """No directory is no second failure."""
    (tmp_path / "file").touch()
    export_logs(pool.engine, pool.nodes, tmp_path / "file/out")


def test_failure_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new name each time, below the user's logs, named after the pool."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("sys.platform", "linux")
    first, second = failure_directory("ci"), failure_directory("ci")
    assert first != second
    assert first.is_relative_to(tmp_path)
    assert first.name.startswith("ci-2")
    assert not first.exists()


def test_failure_directory_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a usable home the directory is a temporary one."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file/state"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert failure_directory("ci").parent == tmp_path
