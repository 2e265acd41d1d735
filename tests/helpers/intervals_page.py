"""The tables of docs/reference/intervals.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/reference/intervals.md"
_ROW = re.compile(r"(?m)^\| (?:\*\*)?`([A-Za-z_.]+)`(?:\*\*)? \| (\S+) \| (\S+) \| (.+) \|$")
KIND = (
    r"_INTERVAL$|_DELAY$|_TIMEOUT$|_PERIOD$|BACKOFF|_DURATION$|_LIFETIME$|_LEASE$|_TIME$"
    r"|_WORKLIFE$"
)
"""What the names of such knobs end with."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """One row: HTCondor's default, the profile's value, and the reason."""

    knob: str
    default: str
    dev: str
    why: str


def intervals() -> dict[str, Interval]:
    """Return all rows, by the knob's name."""
    rows = [
        Interval(knob=knob, default=default, dev=dev, why=why)
        for knob, default, dev, why in _ROW.findall(PAGE.read_text("utf-8"))
    ]
    found = {row.knob: row for row in rows}
    assert len(found) == len(rows), "a knob has two rows"
    return found
