"""What has changed in the ads of jobs and of slots, from one look to the next."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from condor_mini.jobs.job_ads import AT_WORK, HELD, REMOVED, STATES
from condor_mini.records.entry import EntryKind, TimelineEntry, stamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Ad = Mapping[str, Any]
    Changes = dict[str, list[Any]]
    """Old and new value of each attribute; None where the ad has none."""

JOB_ATTRIBUTES = (
    *("ClusterId", "ProcId", "Owner", "Cmd", "Args", "Arguments", "JobUniverse"),
    *("JobStatus", "EnteredCurrentStatus", "RemoteHost", "NumJobStarts", "NumShadowExceptions"),
    *("JobPrio", "RequestCpus", "RequestMemory", "LastRejMatchReason"),
    *("HoldReason", "HoldReasonCode", "HoldReasonSubCode", "RemoveReason"),
    *("ExitBySignal", "ExitCode", "ExitSignal"),
)
"""The attributes of a job that are compared: none that changes while nothing happens.

HTCondor's manual, appendix "Job ClassAd Attributes".
"""
SLOT_ATTRIBUTES = (
    *("Name", "CondorMiniNode", "Machine", "SlotType", "State", "Activity"),
    *("EnteredCurrentState", "JobId", "RemoteOwner", "Cpus", "Memory", "GPUs"),
)
"""Those of a slot. HTCondor's manual, appendix "Machine ClassAd Attributes"."""
_TIMES = ("EnteredCurrentStatus", "EnteredCurrentState")
"""They say since when the rest is so."""


def job_id(ad: Ad) -> str:
    """Return the id of the job that an ad is of: ``3.0``."""
    return f"{ad['ClusterId']}.{ad['ProcId']}"


class Jobs:
    """The jobs in the queue of an access point, as they were at the last look."""

    def __init__(self, access_point: str) -> None:
        self._node = access_point
        self._ads: dict[str, Ad] | None = None

    def changed(self, ads: Sequence[Ad], time: datetime) -> tuple[list[TimelineEntry], set[str]]:
        """Return what has changed, and the ids of the jobs that have left the queue.

        Args:
            ads: The ads of all jobs in the queue.
            time: When they were looked at.
        """
        is_first = self._ads is None
        before, now = self._ads or {}, {job_id(ad): ad for ad in ads}
        entries = []
        for job, ad in now.items():
            if changes := _changes(before.get(job, {}), ad, ("ClusterId", "ProcId")):
                entries.append(self._entry(job, ad, changes, time, is_first=is_first))
        self._ads = now
        return entries, before.keys() - now.keys()

    def knows(self, job: str) -> bool:
        """Return whether a job was in the queue at the last look."""
        return self._ads is not None and job in self._ads

    def left(self, job: str, ad: Ad | None, time: datetime) -> TimelineEntry:
        """Return the entry for a job that has left the queue.

        Args:
            job: Its id.
            ad: Its ad in the history; None if that does not have it yet.
            time: When it was missed.
        """
        end = "its ad is not in the history" if ad is None else _end(ad)
        return TimelineEntry(
            time=time,
            kind=EntryKind.JOB,
            node=self._node,
            job=job,
            text=f"{job} has left the queue: {end}",
            data={"left": True, "first": False, "changed": {}, "ad": ad, "since": _since(ad or {})},
        )

    def _entry(
        self, job: str, ad: Ad, changes: Changes, time: datetime, *, is_first: bool
    ) -> TimelineEntry:
        data = {"left": False, "first": is_first, "changed": changes, "ad": None}
        return TimelineEntry(
            time=time,
            kind=EntryKind.JOB,
            node=self._node,
            job=job,
            text=f"{job} {_job_text(ad, changes)}",
            data={**data, "since": _since(ad)},
        )


class Slots:
    """The slots at the collector, as they were at the last look."""

    def __init__(self) -> None:
        self._ads: dict[str, Ad] | None = None

    def changed(self, ads: Sequence[Ad], time: datetime) -> Iterator[TimelineEntry]:
        """Yield what has changed.

        Args:
            ads: The ads of all slots.
            time: When they were looked at.
        """
        is_first = self._ads is None
        before, now = self._ads or {}, {str(ad["Name"]): ad for ad in ads}
        for name, ad in now.items():
            if changes := _changes(before.get(name, {}), ad, ("Name", "CondorMiniNode", "Machine")):
                data = {"left": False, "first": is_first, "changed": changes, "since": _since(ad)}
                yield _slot_entry(name, ad, _slot_text(ad, changes), time, data)
        for name in before.keys() - now.keys():
            data = {"left": True, "first": False, "changed": {}, "since": None}
            yield _slot_entry(name, before[name], "has left the collector", time, data)
        self._ads = now


def _changes(before: Ad, now: Ad, keys: Sequence[str]) -> Changes:
    """Return what differs, apart from the keys by which the two were found."""
    names = [name for name in {**before, **now} if name not in keys and name not in _TIMES]
    found = {name: [before.get(name), now.get(name)] for name in names}
    changed = {name: values for name, values in found.items() if values[0] != values[1]}
    if changed:  # alone, a new time is no change: a slot that stays claimed gets the next job
        for name in _TIMES:
            if before.get(name) != now.get(name):
                changed[name] = [before.get(name), now.get(name)]
    return changed


def _slot_entry(
    name: str, ad: Ad, text: str, time: datetime, data: Mapping[str, Any]
) -> TimelineEntry:
    return TimelineEntry(
        time=time,
        kind=EntryKind.SLOT,
        node=node_of(ad),
        slot=name,
        text=f"{name.partition('@')[0]} {text}",
        data=data,
    )


def node_of(ad: Ad) -> str | None:
    """Return the name of the node whose slot it is, or of its machine outside the pool."""
    found = ad.get("CondorMiniNode") or ad.get("Machine")
    return str(found) if found else None


def _job_text(ad: Ad, changes: Changes) -> str:
    status = ad["JobStatus"]
    state = STATES.get(status, str(status))
    if status in AT_WORK and ad.get("RemoteHost"):
        state += f" on {ad['RemoteHost']}"
    if status == HELD:
        state += f": {ad.get('HoldReason', 'no reason is given')}"
    if status == REMOVED:
        state += f": {ad.get('RemoveReason', 'no reason is given')}"
    if "JobStatus" in changes:
        before = changes["JobStatus"][0]
        return f"is {state}" if before is None else f"{STATES.get(before, before)} -> {state}"
    return f"is {state}; {_listed(changes)}"


def _slot_text(ad: Ad, changes: Changes) -> str:
    state = f"{ad.get('State')}/{ad.get('Activity')}"
    if ad.get("JobId"):
        state += f", job {ad['JobId']}"
    if "State" in changes or "Activity" in changes:
        return f"is {state}"
    return f"is {state}; {_listed(changes)}"


def _listed(changes: Changes) -> str:
    shown = {name: values for name, values in changes.items() if name not in _TIMES}
    return ", ".join(f"{name}: {old} -> {new}" for name, (old, new) in shown.items())


def _end(ad: Ad) -> str:
    state = STATES.get(ad.get("JobStatus", 0), "ended")
    if ad.get("ExitBySignal") is True:
        return f"{state}, signal {ad.get('ExitSignal')}"
    if ad.get("JobStatus") == REMOVED:
        return f"{state}: {ad.get('RemoveReason', 'no reason is given')}"
    return f"{state}, exit code {ad['ExitCode']}" if "ExitCode" in ad else state


def _since(ad: Ad) -> str | None:
    seconds = next((ad[name] for name in _TIMES if isinstance(ad.get(name), int)), None)
    return None if seconds is None else stamp(datetime.fromtimestamp(seconds, UTC))
