"""What changes in ads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from condor_mini.records.ad_changes import Jobs, Slots

if TYPE_CHECKING:
    from condor_mini.records.entry import TimelineEntry

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
SLOT = "slot1_1@ci-execute-1.nodes.internal"


def job(**changes: object) -> dict[str, Any]:
    """The ad of an idle job, but for the changes."""
    return {"ClusterId": 7, "ProcId": 0, "JobStatus": 1, "EnteredCurrentStatus": 5, **changes}


def slot(**changes: object) -> dict[str, Any]:
    """The ad of a slot with a job, but for the changes."""
    return {
        "Name": SLOT,
        "CondorMiniNode": "ci-execute-1",
        "State": "Claimed",
        "Activity": "Busy",
        "JobId": "7.0",
        "EnteredCurrentState": 5,
        **changes,
    }


@pytest.mark.parametrize(
    ("after", "text"),
    [
        ({"JobStatus": 2, "RemoteHost": SLOT}, f"7.0 idle -> running on {SLOT}"),
        ({"JobStatus": 5, "HoldReason": "no disk"}, "7.0 idle -> held: no disk"),
        ({"JobStatus": 3, "RemoveReason": "by me"}, "7.0 idle -> removed: by me"),
        ({"JobPrio": 4}, "7.0 is idle; JobPrio: None -> 4"),
        ({"JobPrio": 4, "EnteredCurrentStatus": 9}, "7.0 is idle; JobPrio: None -> 4"),
    ],
)
def test_change_of_a_job(after: dict[str, object], text: str) -> None:
    """What changes is told with the old and the new value, in words and in data."""
    jobs = Jobs("ci-submit-1")
    jobs.changed([job()], NOON)
    (entry,), gone = jobs.changed([job(**after)], NOON)
    assert (entry.text, entry.node, entry.job, gone) == (text, "ci-submit-1", "7.0", set())
    assert set(entry.data["changed"]) == set(after)
    assert not entry.data["first"]


def test_jobs_of_the_first_look() -> None:
    """Jobs that were there before are told as such; a job that comes later is not."""
    jobs = Jobs("ci-submit-1")
    (first,), _ = jobs.changed([job()], NOON)
    (second,), _ = jobs.changed([job(), job(ProcId=1)], NOON)
    assert [(e.text, e.data["first"]) for e in (first, second)] == [
        ("7.0 is idle", True),
        ("7.1 is idle", False),
    ]
    assert first.data["changed"]["JobStatus"] == [None, 1]
    assert first.data["since"] == "1970-01-01T00:00:05.000000Z"


@pytest.mark.parametrize(
    ("ad", "end"),
    [
        (None, "its ad is not in the history"),
        (job(JobStatus=4, ExitCode=3, ExitBySignal=False), "completed, exit code 3"),
        (job(JobStatus=4, ExitBySignal=True, ExitSignal=9), "completed, signal 9"),
        (job(JobStatus=3, RemoveReason="by me"), "removed: by me"),
    ],
)
def test_job_that_leaves(ad: dict[str, Any] | None, end: str) -> None:
    """How it ended comes from the history."""
    jobs = Jobs("ci-submit-1")
    jobs.changed([job()], NOON)
    entries, gone = jobs.changed([], NOON)
    assert (entries, gone) == ([], {"7.0"})
    left = jobs.left("7.0", ad, NOON)
    assert (left.text, left.data["left"]) == (f"7.0 has left the queue: {end}", True)


def test_nothing_changes() -> None:
    """A look that sees the same tells nothing, and neither does a new time alone."""
    jobs, slots = Jobs("ci-submit-1"), Slots()
    jobs.changed([job()], NOON)
    assert jobs.changed([job(EnteredCurrentStatus=6)], NOON) == ([], set())
    assert len([*slots.changed([slot()], NOON)]) == 1
    assert [*slots.changed([slot(EnteredCurrentState=6)], NOON)] == []


def test_changes_of_a_slot() -> None:
    """A slot comes, gets another job, is released, and goes."""
    slots = Slots()
    found: list[TimelineEntry] = []
    for ads in (
        [],
        [slot()],
        [slot(JobId="8.0")],
        [slot(State="Unclaimed", Activity="Idle", JobId=None)],
        [],
    ):
        found += slots.changed(ads, NOON)
    assert [(entry.node, entry.slot) for entry in found] == [("ci-execute-1", SLOT)] * 4
    assert [entry.text for entry in found] == [
        "slot1_1 is Claimed/Busy, job 7.0",
        "slot1_1 is Claimed/Busy, job 8.0; JobId: 7.0 -> 8.0",
        "slot1_1 is Unclaimed/Idle",
        "slot1_1 has left the collector",
    ]
