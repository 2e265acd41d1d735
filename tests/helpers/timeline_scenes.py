"""Entries as a recording makes them, by a few words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from condor_mini.records.entry import VERSION, EntryKind, TimelineEntry

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
AP, EP = "ci-submit-1", "ci-execute-1"
SLOT = f"slot1_1@{EP}.nodes.internal"


def at(second: float) -> datetime:
    """A time so many seconds after noon."""
    return NOON + timedelta(seconds=second)


def begin(*nodes: tuple[str, str]) -> TimelineEntry:
    """The first entry."""
    listed = [{"name": name, "role": role, "host": None} for name, role in nodes]
    data = {"version": VERSION, "pool": "ci", "nodes": listed}
    return TimelineEntry(time=NOON, kind=EntryKind.BEGIN, text="ci is recorded", data=data)


def end(second: float) -> TimelineEntry:
    """The last entry."""
    return TimelineEntry(time=at(second), kind=EntryKind.END, text="ci is recorded no more")


def event(
    second: float, number: int, job: str = "7.0", slot: str | None = None, **ad: object
) -> TimelineEntry:
    """An event of a job."""
    return TimelineEntry(
        time=at(second),
        kind=EntryKind.EVENT,
        node=AP,
        job=job,
        slot=slot,
        text=f"{job} {number:03}",
        data={"EventTypeNumber": number, **ad},
    )


def job(second: float, text: str, job: str = "7.0", **data: Any) -> TimelineEntry:  # noqa: ANN401
    """A change of a job's ad."""
    given = {"left": False, "first": False, "changed": {}, "ad": None, **data}
    return TimelineEntry(
        time=at(second), kind=EntryKind.JOB, node=AP, job=job, text=text, data=given
    )


def fault(second: float, phase: str, name: str = "freeze", part: str = "/startd") -> TimelineEntry:
    """A fault of the execution point that begins, ends, or is a moment."""
    data = {"phase": phase, "fault": name, "target": f"{EP}{part}", "jobs": []}
    return TimelineEntry(time=at(second), kind=EntryKind.FAULT, node=EP, text=name, data=data)
