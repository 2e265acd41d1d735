"""The file of a snapshot: by name or path, what it says, and what is none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound, StateError, UsageError
from condor_mini.snapshots.snapshot import Snapshot, directory, path_of

if TYPE_CHECKING:
    from collections.abc import Callable


def test_name_is_of_a_file_of_the_users() -> None:
    """A bare word is a name; what has a slash, or the ending, is a path."""
    assert path_of("queue") == directory() / "queue.tar.gz"
    assert path_of("./queue") == Path("queue")
    assert path_of("queue.tar.gz") == Path("queue.tar.gz")


@pytest.mark.parametrize("name", ["", "..", "a b", "-x", "ü"])
def test_bad_name_is_told(name: str) -> None:
    """A name is a word; the message says how a file is named."""
    with pytest.raises(UsageError, match="is no name of a snapshot"):
        path_of(name)


def test_absent_one_is_told(write_snapshot: Callable[..., Path]) -> None:
    """The message names the snapshots that there are."""
    directory().mkdir(parents=True)
    write_snapshot().rename(directory() / "before.tar.gz")
    (directory() / "broken.tar.gz").write_bytes(b"")
    with pytest.raises(NotFound, match=re.escape("there are: before")):
        Snapshot.open("absent")


def test_it_says_what_it_is_of(write_snapshot: Callable[..., Path]) -> None:
    """Pool, series and time are told, and the spec without what was its creator's."""
    nodes = {
        "submit-1": {"role": "submit", "group": "", "number": 1, "jobs": {"idle": 2, "held": 1}},
        "submit-2": {"role": "submit", "group": "", "number": 2, "jobs": {"idle": 1}},
    }
    spec = {"version": 1, "name": "ci", "user": "4321:4321", "labels": {"a": "b"}}
    snapshot = Snapshot.open(write_snapshot(nodes=nodes, spec=spec))
    assert (snapshot.pool, snapshot.series) == ("ci", "25")
    assert snapshot.jobs == {"held": 1, "idle": 3}
    assert snapshot.to_json()["made"] == "2026-11-01T00:00:00Z"
    assert (snapshot.spec().user, snapshot.spec().labels) == (None, {})


def test_other_files_are_told(tmp_path: Path, write_snapshot: Callable[..., Path]) -> None:
    """What is no snapshot is said to be none; a later format is named."""
    text = tmp_path / "text.tar.gz"
    text.write_text("nothing of the kind")
    whole = write_snapshot().read_bytes()
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    for path in (text, cut, write_snapshot(pool=None)):
        with pytest.raises(StateError, match="is no snapshot of a pool, or is damaged"):
            Snapshot.open(path)
    with pytest.raises(StateError, match=re.escape("of a later condor-mini (format 2)")):
        Snapshot.open(write_snapshot(format=2))
