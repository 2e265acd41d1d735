"""The directory of a recording."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound, StateError, UsageError
from condor_mini.records import store
from condor_mini.records.entry import VERSION, EntryKind, TimelineEntry, entry_of
from condor_mini.records.store import Store
from condor_mini.records.timeline import Timeline

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def entry(second: int, text: str = "", kind: EntryKind = EntryKind.LOG) -> TimelineEntry:
    """An entry of that second after noon."""
    data = {"version": VERSION, "nodes": []} if kind is EntryKind.BEGIN else {}
    return TimelineEntry(time=NOON + timedelta(seconds=second), kind=kind, text=text, data=data)


def texts(directory: Path) -> list[str]:
    """The texts of the entries."""
    return [entry_of(line).text for line in store.lines(directory)]


def test_timeline_is_in_order(tmp_path: Path) -> None:
    """Entries that come late are in their place; nothing but the timeline is left."""
    counts: Counter[str] = Counter()
    made = Store(tmp_path / "new/er", counts)
    made.add([entry(0, "a"), entry(2, "c"), entry(1, "b")])
    assert not store.is_complete(made.directory)
    assert texts(made.directory) == ["a", "b", "c"]
    made.finish()
    assert store.is_complete(made.directory)
    assert texts(made.directory) == ["a", "b", "c"]
    assert [path.name for path in made.directory.iterdir()] == [store.TIMELINE]
    assert counts == {"log": 3}
    assert made.directory.stat().st_mode & 0o777 == 0o700


def test_what_comes_too_late_is_dropped(tmp_path: Path) -> None:
    """A thread that hung does no harm."""
    made = Store(tmp_path / "new", Counter())
    made.finish()
    made.add([entry(0)])
    assert texts(made.directory) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A directory with a file is refused, and stays as it is."""
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UsageError, match="is not empty"):
        Store(tmp_path, Counter())
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_no_directory(tmp_path: Path) -> None:
    """A file in its place is named."""
    (tmp_path / "mine").write_text("x")
    with pytest.raises(StateError, match=r"mine cannot be used: (File exists|Not a directory)"):
        Store(tmp_path / "mine", Counter())


def test_failure_to_write_is_told(tmp_path: Path) -> None:
    """If the disk is full, whoever waits is told, and so is the end."""
    made = Store(tmp_path / "new", Counter())
    made._file.close()
    made._file = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115, PTH123
    made.add([entry(0)])
    assert made.failed.is_set()
    with pytest.raises(StateError, match="cannot be written: No space left"):
        made.finish()


@pytest.mark.parametrize("name", ["", "absent"])
def test_no_recording(tmp_path: Path, name: str) -> None:
    """A directory without a recording, or none, is not found."""
    with pytest.raises(NotFound, match="there is no recording in"):
        Timeline.open(tmp_path / name)


def test_other_version_is_refused(tmp_path: Path) -> None:
    """A timeline that a later condor-mini has made is not half understood."""
    first = entry(0, kind=EntryKind.BEGIN).line().replace(f'"version": {VERSION}', '"version": 99')
    (tmp_path / store.TIMELINE).write_text(first)
    with pytest.raises(StateError, match="has the version 99, and this condor-mini reads 1"):
        Timeline.open(tmp_path)
