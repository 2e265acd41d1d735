"""Job events as entries of a timeline: HTCondor's own ClassAd of the event, and a line of words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from condor_mini.records.entry import EntryKind, TimelineEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

SUBMIT, EXECUTE, EVICTED, TERMINATED, EXCEPTION, GENERIC = 0, 1, 4, 5, 7, 8
ABORTED, SUSPENDED, UNSUSPENDED, HELD, RELEASED = 9, 10, 11, 12, 13
DISCONNECTED, RECONNECTED, RECONNECT_FAILED, TRANSFER = 22, 23, 24, 40
"""Numbers of events: ``ULogEventNumber``, src/condor_utils/condor_event.h."""
_HEAD = "Global JobLog:"
"""How the first event of an EVENT_LOG begins (user_log_header.cpp)."""
_TRANSFERS = {
    1: "input is queued",
    2: "input begins",
    3: "input has ended",
    4: "output is queued",
    5: "output begins",
    6: "output has ended",
}
"""``FileTransferEventType``, src/condor_utils/condor_event.h."""
_REASONS = ("HoldReason", "Reason", "Message", "Info", "DisconnectReason")
"""What an event's ad has to say, the most telling first."""


def event_entry(
    access_point: str, ad: Mapping[str, Any], after: datetime, before: datetime
) -> TimelineEntry:
    """Return the entry for an event.

    Args:
        access_point: Name of the node whose log has it.
        ad: The event's ClassAd.
        after: When the log was read before: it was written since.
        before: When it was read. Both bound the event's own time, by a clock that may go wrong.
    """
    job = _job(ad)
    return TimelineEntry(
        time=min(max(_time(ad) or before, after), before),
        kind=EntryKind.EVENT,
        node=access_point,
        job=job,
        slot=ad.get("SlotName"),
        text=_text(job, ad),
        data=ad,
    )


def is_of_log(ad: Mapping[str, Any]) -> bool:
    """Return whether an event is the head of the log, and befalls no job."""
    return ad.get("EventTypeNumber") == GENERIC and str(ad.get("Info", "")).startswith(_HEAD)


def ended_job(ad: Mapping[str, Any]) -> str | None:
    """Return the id of the job that has ended with an event, which then leaves the queue."""
    return _job(ad) if ad.get("EventTypeNumber") in (TERMINATED, ABORTED) else None


def _job(ad: Mapping[str, Any]) -> str | None:
    """Return the job's id; None for an event of a cluster, or of the log itself."""
    cluster, proc = ad.get("Cluster", -1), ad.get("Proc", -1)
    return f"{cluster}.{proc}" if cluster >= 0 and proc >= 0 else None


def _time(ad: Mapping[str, Any]) -> datetime | None:
    """Return the event's time; the log has it in UTC."""
    try:
        found = datetime.fromisoformat(str(ad["EventTime"]))
    except (KeyError, ValueError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _text(job: str | None, ad: Mapping[str, Any]) -> str:
    number = ad.get("EventTypeNumber", -1)
    name = str(ad.get("MyType", "")).removesuffix("Event")
    words = f"{job or ad.get('Cluster', '')} {number:03} {name}".strip()
    detail = " ".join(_detail(number, ad).split())
    return f"{words}: {detail}" if detail else words


def _detail(number: int, ad: Mapping[str, Any]) -> str:
    if number == EXECUTE:
        return str(ad.get("SlotName", "beside the schedd"))
    if number == TRANSFER:
        return _TRANSFERS.get(ad.get("Type", 0), "")
    if number == TERMINATED:
        if ad.get("TerminatedNormally") is False:
            return f"signal {ad.get('TerminatedBySignal')}"
        return f"exit code {ad.get('ReturnValue')}"
    return next((str(ad[name]) for name in _REASONS if ad.get(name)), "")
