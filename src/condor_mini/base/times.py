"""Points in time as people type and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from condor_mini.base.errors import UsageError
from condor_mini.base.words import counted

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[dhms]))+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])", re.ASCII)
_SECONDS_SINCE_1970 = re.compile(r"\d{1,12}(\.\d+)?", re.ASCII)
_SIZES = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def parse_since(text: str, *, now: datetime | None = None) -> datetime:
    """Return a point in time, written as engines' ``logs --since`` take it.

    Args:
        text: How long ago (``90s``, ``10m``, ``1h30m``, ``2d``), or when: RFC 3339, a date and time
            of this machine's clock (``2026-11-21T09:00:00``), a date, or seconds since 1970.
        now: What a duration goes back from.

    Raises:
        UsageError: It is none of these.
    """
    try:
        if _DURATION.fullmatch(text):
            seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
            return (now or datetime.now(UTC)) - timedelta(seconds=seconds)
        if _SECONDS_SINCE_1970.fullmatch(text):
            return datetime.fromtimestamp(float(text), UTC)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"--since {text}: a duration (90s, 10m, 1h30m) or a time "
            "(2026-11-21T09:00:00, 2026-11-21T09:00:00Z) is wanted"
        ) from None


def parse_duration(text: str) -> int:
    """Return a duration in whole seconds; see ``parse_seconds``."""
    return int(parse_seconds(text))


def parse_seconds(text: str) -> float:
    """Return a duration in seconds: ``500ms``, ``90s``, ``1h30m``, ``7d``, or a whole number.

    Raises:
        UsageError: It is none of these.
    """
    if _DURATION.fullmatch(text):
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if re.fullmatch(r"\d{1,12}", text, re.ASCII):
        return float(text)
    raise UsageError(f"{text}: a duration is wanted: 90s, 10m, 24h, 7d")


def rfc3339(time: datetime) -> str:
    """Return a time in UTC, to the microsecond: ``2026-11-21T09:40:28.123456Z``."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def ago(time: datetime, *, now: datetime | None = None) -> str:
    """Return how long ago a time is, in the largest unit that fits: ``3 hours ago``."""
    seconds = max(0, int(((now or datetime.now(UTC)) - time).total_seconds()))
    for name, size in _SIZES:
        if count := seconds // size:
            return f"{counted(count, name)} ago"
    return "just now"
