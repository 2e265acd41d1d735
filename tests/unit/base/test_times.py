"""Points in time as people type and read them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import UsageError
from condor_mini.base.times import ago, parse_duration, parse_since, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.fixture
def _two_hours_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "EET-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400), ("500ms", 0.5), ("2d", 172800)],
)
def test_duration(text: str, seconds: float) -> None:
    """A duration goes back from now."""
    assert parse_since(text, now=NOW) == NOW - timedelta(seconds=seconds)


@pytest.mark.usefixtures("_two_hours_east")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T09:00:00Z", NOW),
        ("2026-11-21T10:00:00+01:00", NOW),
        ("2026-11-21T11:00:00", NOW),
        ("2026-11-21T11:00", NOW),
        ("2026-11-21 11:00:00", NOW),
        ("2026-11-21T09:00:00.123456789Z", NOW + timedelta(microseconds=123456)),
        ("2026-11-21", NOW - timedelta(hours=11)),
        ("1795251600", NOW),
    ],
)
def test_time(text: str, expected: datetime) -> None:
    """What names no zone is this machine's time."""
    assert parse_since(text) == expected


@pytest.mark.parametrize(
    "text", ["", "10", "10x", "m", "-5m", "yesterday", "2026-13-01", "9" * 400 + "h", "9999999999d"]
)
def test_nonsense(text: str) -> None:
    """What is neither is refused, but for seconds since 1970."""
    if text == "10":
        assert parse_since(text) == datetime.fromtimestamp(10, UTC)
        return
    with pytest.raises(UsageError, match="a duration"):
        parse_since(text)


def test_rfc3339() -> None:
    """In UTC, with the letter."""
    assert rfc3339(NOW.astimezone()) == "2026-11-21T09:00:00Z"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (0, "just now"),
        (1, "1 second ago"),
        (59, "59 seconds ago"),
        (125, "2 minutes ago"),
        (3600, "1 hour ago"),
        (200_000, "2 days ago"),
    ],
)
def test_ago(seconds: int, words: str) -> None:
    """In the largest unit that there is one of."""
    assert ago(NOW - timedelta(seconds=seconds), now=NOW) == words


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("24h", 86_400), ("1h30m", 5400), ("7d", 604_800), ("60", 60)],
)
def test_duration_is_in_seconds(text: str, seconds: int) -> None:
    """With units, or without one."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1h", "1w", "h", "1.5"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """With examples."""
    with pytest.raises(UsageError, match="a duration is wanted"):
        parse_duration(text)
