"""Where each job was and when: what a picture of a timeline shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from condor_mini.jobs.job_ads import AT_WORK, node_of_slot
from condor_mini.records import event_words as words
from condor_mini.records.entry import EntryKind, TimelineEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

RUNNING = "running"
"""How a stay ends that had not ended with the recording."""
_ENDS = {
    words.EVICTED: "evicted",
    words.EXCEPTION: "shadow exception",
    words.ABORTED: "removed",
    words.HELD: "held",
    words.RECONNECT_FAILED: "lost",
}
"""How a stay ends with each event."""
_SHOWN = (words.SUBMIT, *_ENDS, words.RELEASED, words.DISCONNECTED, words.RECONNECTED)
"""The events that are marked in the row of the access point."""


@dataclass(kw_only=True)
class Stay:
    """A job in a slot, from when to when."""

    job: str
    access_point: str
    node: str
    """Name of the node that has the slot."""
    slot: str
    """The slot's name without its machine, ``slot1_1``; empty for a job beside the schedd."""
    begin: datetime
    is_from_before: bool = False
    """Whether the job was there when the recording began."""
    end: datetime | None = None
    how: str = RUNNING
    """How it ended: ``exit 0``, ``signal 9``, ``evicted``, ``held``, …"""

    @property
    def went_well(self) -> bool:
        """Whether the job ended with exit code 0, or still runs."""
        return self.how in (RUNNING, "exit 0")


@dataclass(kw_only=True)
class FaultSpan:
    """A fault, from when to when."""

    text: str
    """``freeze ci-execute-1/startd``."""
    node: str
    begin: datetime
    end: datetime | None = None
    """None if it was in force at the end of the recording; ``begin`` for a moment."""


@dataclass(kw_only=True)
class Scene:
    """What happened, by place."""

    pool: str = ""
    begin: datetime | None = None
    end: datetime | None = None
    nodes: dict[str, str] = field(default_factory=dict)
    """The role of each node, by name."""
    stays: list[Stay] = field(default_factory=list)
    faults: list[FaultSpan] = field(default_factory=list)
    marks: list[TimelineEntry] = field(default_factory=list)
    """The events that befell jobs at an access point, and states of nodes."""
    left_out: int = 0
    """Number of stays and marks beyond the most that are kept."""


class Director:
    """Makes a scene of entries, one after the other. What it keeps is bounded."""

    def __init__(self, *, most: int) -> None:
        """Begin; ``most`` is the number of stays, and of marks, that are kept."""
        self.scene = Scene()
        self._most = most
        self._open: dict[tuple[str, str], Stay] = {}
        self._evicted: dict[tuple[str, str], Stay] = {}
        """The last stay of jobs that were evicted, and that nothing has befallen since."""
        self._faults: dict[str, FaultSpan] = {}

    def show(self, entries: Iterable[TimelineEntry]) -> Scene:
        """Return the scene of these entries, which are in order."""
        for entry in entries:
            self._take(entry)
        return self.scene

    def _take(self, entry: TimelineEntry) -> None:
        scene = self.scene
        if scene.begin is None:
            scene.begin = entry.time
        scene.end = entry.time
        match entry.kind:
            case EntryKind.BEGIN:
                scene.begin = entry.time
                scene.pool = str(entry.data.get("pool", ""))
                scene.nodes |= {node["name"]: node["role"] for node in entry.data.get("nodes", [])}
            case EntryKind.EVENT:
                self._event(entry)
            case EntryKind.JOB:
                self._job(entry)
            case EntryKind.FAULT:
                self._fault(entry)
            case EntryKind.NODE:
                if entry.data.get("before") is not None or entry.data.get("now") is None:
                    self._mark(entry)
            case EntryKind.SLOT | EntryKind.LOG | EntryKind.MISSING | EntryKind.END:
                pass

    def _event(self, entry: TimelineEntry) -> None:
        number = entry.data.get("EventTypeNumber")
        if entry.job is None or entry.node is None:
            return
        key = (entry.node, entry.job)
        if number == words.EXECUTE:
            self._evicted.pop(key, None)
            self._close(key, entry.time, "ended unseen")
            self._begin(key, entry, entry.slot or "")
        elif number == words.TERMINATED:
            self._close(key, entry.time, _end(entry.data))
        elif number in _ENDS:
            if stay := self._evicted.pop(key, None):  # why it was evicted comes afterwards
                stay.how = _ENDS[number]
            if number == words.EVICTED and key in self._open:
                self._evicted[key] = self._open[key]
            self._close(key, entry.time, _ENDS[number])
        if number in _SHOWN:
            self._mark(entry)

    def _job(self, entry: TimelineEntry) -> None:
        """Take what the queue says of a job whose shadow does not write events for us."""
        if entry.job is None or entry.node is None:
            return
        key = (entry.node, entry.job)
        status = entry.data.get("changed", {}).get("JobStatus", [None, None])[1]
        if entry.data.get("first") and status in AT_WORK:
            slot = entry.data["changed"].get("RemoteHost", [None, None])[1]
            self._begin(key, entry, slot or "")
            self._open[key].is_from_before = True
        elif key not in self._open or not self._open[key].is_from_before:
            return
        elif entry.data.get("left"):
            ad = entry.data.get("ad") or {}
            self._close(key, entry.time, _end_of_ad(ad))
        elif status is not None and status not in AT_WORK:
            self._close(key, entry.time, entry.text.rpartition("-> ")[2].partition(":")[0])

    def _begin(self, key: tuple[str, str], entry: TimelineEntry, slot: str) -> None:
        access_point, job = key
        stay = Stay(
            job=job,
            access_point=access_point,
            node=node_of_slot(slot) if slot else access_point,
            slot=slot.partition("@")[0],
            begin=entry.time,
        )
        self._open[key] = stay
        if len(self.scene.stays) < self._most:
            self.scene.stays.append(stay)
        else:
            self.scene.left_out += 1

    def _close(self, key: tuple[str, str], time: datetime, how: str) -> None:
        if stay := self._open.pop(key, None):
            stay.end, stay.how = time, how

    def _fault(self, entry: TimelineEntry) -> None:
        data = entry.data
        text = " ".join([str(data["fault"]), str(data["target"]), *data.get("jobs", ())])
        if data["phase"] == "end":
            if span := self._faults.pop(text, None):
                span.end = entry.time
            return
        span = FaultSpan(text=text, node=entry.node or "", begin=entry.time)
        if data["phase"] == "moment":
            span.end = span.begin
        else:
            self._faults[text] = span
        self.scene.faults.append(span)

    def _mark(self, entry: TimelineEntry) -> None:
        if len(self.scene.marks) < self._most:
            self.scene.marks.append(entry)
        else:
            self.scene.left_out += 1


def _end(ad: Mapping[str, Any]) -> str:
    if ad.get("TerminatedNormally") is False:
        return f"signal {ad.get('TerminatedBySignal')}"
    return f"exit {ad.get('ReturnValue')}"


def _end_of_ad(ad: Mapping[str, Any]) -> str:
    if ad.get("ExitBySignal") is True:
        return f"signal {ad.get('ExitSignal')}"
    return f"exit {ad['ExitCode']}" if "ExitCode" in ad else "left the queue"
