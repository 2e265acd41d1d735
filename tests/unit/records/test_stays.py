"""Where jobs were, by the entries of a timeline."""

from __future__ import annotations

from typing import Any

import pytest

from condor_mini.records.stays import Director, Scene
from timeline_scenes import AP, EP, SLOT, at, begin, end, event, fault, job


def scene(*entries: Any, most: int = 100) -> Scene:  # noqa: ANN401
    """What these entries show."""
    return Director(most=most).show([begin((EP, "execute")), *entries, end(60)])


@pytest.mark.parametrize(
    ("number", "ad", "how", "well"),
    [
        (5, {"TerminatedNormally": True, "ReturnValue": 0}, "exit 0", True),
        (5, {"TerminatedNormally": True, "ReturnValue": 3}, "exit 3", False),
        (5, {"TerminatedNormally": False, "TerminatedBySignal": 9}, "signal 9", False),
        (4, {}, "evicted", False),
        (7, {}, "shadow exception", False),
        (9, {}, "removed", False),
        (12, {}, "held", False),
        (24, {}, "lost", False),
    ],
)
def test_stay_ends_with_an_event(number: int, ad: dict[str, Any], how: str, *, well: bool) -> None:
    """From the event that it was started to the one that ends it."""
    (stay,) = scene(event(1, 1, slot=SLOT), event(4, number, **ad)).stays
    assert (stay.job, stay.node, stay.slot) == ("7.0", EP, "slot1_1")
    assert (stay.begin, stay.end, stay.how, stay.went_well) == (at(1), at(4), how, well)


def test_job_that_starts_again() -> None:
    """Each start is a stay, and so is one of which no event tells the end."""
    found = scene(
        event(1, 1, slot=SLOT), event(3, 4), event(5, 1, slot=SLOT), event(9, 1, slot=SLOT)
    )
    assert [(stay.begin, stay.end, stay.how) for stay in found.stays] == [
        (at(1), at(3), "evicted"),
        (at(5), at(9), "ended unseen"),
        (at(9), None, "running"),
    ]


@pytest.mark.parametrize(("number", "how"), [(9, "removed"), (12, "held")])
def test_why_a_job_was_evicted(number: int, how: str) -> None:
    """HTCondor tells after the eviction that it was for a hold or a removal."""
    events = [event(1, 1, slot=SLOT), event(3, 4), event(3.1, number), event(9, number)]
    (stay,) = scene(*events).stays
    assert (stay.end, stay.how) == (at(3), how)


def test_job_without_a_slot() -> None:
    """A job of the local universe is beside the schedd."""
    (stay,) = scene(event(1, 1, ExecuteHost="<10.0.0.1:9618>")).stays
    assert (stay.node, stay.slot) == (AP, "")


def test_job_from_before() -> None:
    """A job whose shadow writes no events for us is followed by its ad."""
    first = {"JobStatus": [None, 2], "RemoteHost": [None, SLOT]}
    found = scene(
        job(0, "7.0 is running", first=True, changed=first),
        job(0, "8.0 is running", job="8.0", first=True, changed=first),
        job(3, "7.0 running -> held: no disk", changed={"JobStatus": [2, 5]}),
        job(4, "8.0 has left the queue", job="8.0", left=True, ad={"ExitCode": 2}),
    )
    assert [(stay.is_from_before, stay.end, stay.how) for stay in found.stays] == [
        (True, at(3), "held"),
        (True, at(4), "exit 2"),
    ]


def test_ad_does_not_begin_a_stay() -> None:
    """What the queue says later of a job that has events is no second stay."""
    running = {"JobStatus": [1, 2], "RemoteHost": [None, SLOT]}
    found = scene(
        event(1, 1, slot=SLOT),
        event(2, 5, ReturnValue=0),
        job(3, "7.0 idle -> running", changed=running),
    )
    assert len(found.stays) == 1


def test_faults() -> None:
    """A fault lasts from its begin to its end, or to that of the recording; a moment does not."""
    found = scene(
        fault(1, "begin"), fault(3, "end"), fault(4, "moment", "kill"), fault(5, "begin")
    ).faults
    assert [(span.text, span.begin, span.end) for span in found] == [
        (f"freeze {EP}/startd", at(1), at(3)),
        (f"kill {EP}/startd", at(4), at(4)),
        (f"freeze {EP}/startd", at(5), None),
    ]


def test_memory_is_bounded() -> None:
    """Beyond the most, stays and marks are only counted."""
    entries = []
    for number in range(5):
        entries += [event(number, 0, job=f"{number}.0"), event(number, 1, job=f"{number}.0")]
    found = scene(*entries, most=2)
    assert (len(found.stays), len(found.marks), found.left_out) == (2, 2, 6)
