"""``condor-mini snapshot`` and ``create --from``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.unit.cli.test_json import keys

from condor_mini.snapshots.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result
    from fake_pool import FakePool

    Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _data_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Snapshots with names are the test's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def saved(pool: FakePool, monkeypatch: pytest.MonkeyPatch, run: Run) -> Snapshot:
    """A snapshot of the pool ``ci``, whose nodes have nothing."""
    del pool
    monkeypatch.setattr("condor_mini.snapshots.saving._save_node", lambda *_, **__: None)
    monkeypatch.setattr("condor_mini.snapshots.saving.STATE", {})
    assert run("stop", "-n", "ci").status == 0
    made = run("snapshot", "save", "before", "-n", "ci")
    assert made.status == 0, made.err
    snapshot = Snapshot.open("before")
    assert made.out == f"{snapshot.path} (0.0 MiB)\n"
    return snapshot


def test_list_shows_it(saved: Snapshot, run: Run) -> None:
    """A stopped pool's jobs are not known; JSON has what Python has."""
    assert run("snapshot", "list").out.splitlines()[1].split()[:4] == ["before", "ci", "25", "-"]
    assert json.loads(run("snapshot", "list", "-o", "json").out) == [saved.to_json()]
    assert set(saved.to_json()) == keys("snapshot list")


def test_delete_removes_all_or_none(saved: Snapshot, run: Run) -> None:
    """A name that is wrong is told before anything is deleted."""
    failed = run("snapshot", "delete", "before", "absent")
    assert (failed.status, saved.path.exists()) == (3, True)
    assert "there is no snapshot absent; there are: before" in failed.err
    assert (run("snapshot", "delete", "before").status, saved.path.exists()) == (0, False)


def test_what_would_be_created_is_the_pool_of_the_snapshot(saved: Snapshot, run: Run) -> None:
    """Without a pool file the snapshot says it; with a name, it is another pool."""
    del saved
    shown = run("create", "--from", "before", "-n", "other", "--dry-run", "-o", "json")
    assert json.loads(shown.out)["name"] == "other"


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("create", "--from", "absent"), 3, "there is no snapshot absent; there are: none"),
        (("create", "--leave-out-running"), 2, "--leave-out-running is for --from SNAPSHOT"),
        (("snapshot", "save", "a b", "-n", "ci"), 2, "'a b' is no name of a snapshot"),
        (("snapshot", "restore", "absent", "-n", "ci"), 3, "there is no snapshot absent"),
    ],
)
def test_bad_input_is_told(
    pool: FakePool, run: Run, words: tuple[str, ...], status: int, says: str
) -> None:
    """One line says what is wrong, with its exit code."""
    del pool
    result = run(*words)
    assert (result.status, says in result.err) == (status, True), result.err
