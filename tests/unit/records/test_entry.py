"""Entries as lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from condor_mini.base.errors import StateError
from condor_mini.records.entry import STAMP_LENGTH, EntryKind, TimelineEntry, entry_of

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def entry(**changes: object) -> TimelineEntry:
    """An entry with a job, but for the changes."""
    values = {"time": NOON, "kind": EntryKind.EVENT, "text": "7.0 001 Execute", "job": "7.0"}
    return TimelineEntry(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "time", [NOON, NOON.replace(microsecond=120), NOON.astimezone(timezone(timedelta(hours=5)))]
)
def test_lines_are_in_order_of_time(time: datetime) -> None:
    """Each line begins with its time in UTC, in as many characters: it need not be parsed."""
    line = entry(time=time).line()
    assert line[STAMP_LENGTH - 2 : STAMP_LENGTH + 1] == 'Z",'
    assert line.startswith('{"time": "2026-11-29T12:00:00.000')
    assert entry_of(line) == entry(time=time.astimezone(UTC))


def test_secrets_are_left_out() -> None:
    """In the text and in what lies deeper, and the line stays JSON whatever a secret ends with."""
    text = 'env "TOKEN=hunter2" and eyJhbGciOiJI.eyJzdWIiOiJ4In0.abcdefgh'
    made = entry(text=text, data={"changed": {"Arguments": [None, 'PASSWORD=hunter2\\"']}})
    assert "hunter2" not in made.line()
    assert "eyJ" not in made.line()
    found = entry_of(made.line())
    assert "REDACTED" in found.text
    assert "REDACTED" in found.data["changed"]["Arguments"][1]


@pytest.mark.parametrize("line", ["", "{}", "[]", "null", '{"time": "x"}', "{"])
def test_damaged_line_is_named(line: str) -> None:
    """What is no entry is an error that shows it."""
    with pytest.raises(StateError, match="this is no line of a timeline"):
        entry_of(line)
