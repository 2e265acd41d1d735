"""Job event logs, read as text: HTCondor's bindings are not on every learner's laptop.

An event begins with its number and its job, ``005 (0012.003.000) 2026-11-30 02:15:04``, and ends
with a line of three dots (HTCondor's manual, "Managing a Job", "In the Job Event Log File").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from condor_mini.events.event_types import event_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HEAD = re.compile(
    r"(?P<number>\d{3}) \((?P<cluster>\d+)\.(?P<proc>\d+)\.\d+\) "
    r"(?P<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)"
)
_END = re.compile(r"(?m)^\.\.\.\n")
SUBMIT = event_type("Submit").number


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event of a job."""

    number: int
    """``ULogEventNumber``: ``condor_mini.events.event_types``."""
    job: tuple[int, int]
    time: datetime
    """In the time zone of whoever wrote the log."""
    text: str
    """The event as it stands in the log."""


def events(text: str) -> list[Event]:
    """Return the events in a log, in their order; one that is not written to its end is left out.

    The head of another form (``user_log_format_options``) is not understood.
    """
    found = []
    for block in _END.split(text)[:-1]:
        head = _HEAD.match(block)
        if head is not None:
            found.append(
                Event(
                    number=int(head["number"]),
                    job=(int(head["cluster"]), int(head["proc"])),
                    time=datetime.fromisoformat(head["time"]),
                    text=block,
                )
            )
    return found


def by_job(found: Iterable[Event]) -> list[list[Event]]:
    """Return the events of each job.

    A pool that is created again counts its clusters from 1. So a job begins with its submission.
    """
    jobs: list[list[Event]] = []
    last: dict[tuple[int, int], list[Event]] = {}
    for event in found:
        if event.number == SUBMIT or event.job not in last:
            last[event.job] = []
            jobs.append(last[event.job])
        last[event.job].append(event)
    return jobs


def matching(job: Sequence[Event], wanted: Sequence[int]) -> list[Event] | None:
    """Return the first events of a job that have these numbers in this order; None if it has not.

    Others may stand between them.
    """
    rest = iter(job)
    found = []
    for number in wanted:
        event = next((event for event in rest if event.number == number), None)
        if event is None:
            return None
        found.append(event)
    return found
