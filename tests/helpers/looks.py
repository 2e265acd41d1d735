"""Looks at pools that do not exist, for the dashboard: small ones, and one of 10,000 slots."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from condor_mini.dashboard.look import Look
from condor_mini.jobs.queue import QueuedJob
from condor_mini.reports.overview import Overview, Slot
from condor_mini.reports.status import (
    DaemonStatus,
    JobStatus,
    NodeStatus,
    PoolStatus,
    SlotStatus,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from condor_mini.base.errors import CondorMiniError
    from condor_mini.reports.overview import Submitter
    from condor_mini.reports.status import FaultStatus

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def node(
    name: str = "ci-execute-1", *, role: str = "execute", state: str = "running"
) -> NodeStatus:
    """Return a node."""
    return NodeStatus(
        name=name,
        role=role,
        group="execute" if role == "execute" else "",
        host=None,
        state=state,
        exit_code=None if state == "running" else 137,
        health="healthy" if state == "running" else None,
        address="10.0.0.2",
        ports={},
        started_at=NOON,
        series="25",
        image=f"condor-{role}:25",
        version="25.14.1",
    )


def slot(
    node: str = "ci-execute-1",
    name: str = "slot1",
    *,
    kind: str = "Static",
    state: str = "Unclaimed",
    activity: str = "Idle",
    cpus: float = 1,
    job: str | None = None,
    owner: str | None = None,
) -> Slot:
    """Return a slot."""
    return Slot(
        name=f"{name}@{node}.nodes.internal",
        node=node,
        kind=kind,
        state=state,
        activity=activity,
        cpus=cpus,
        memory_mb=1024,
        owner=owner,
        job=job,
        schedd=None,
    )


def job(
    job: str = "1.0",
    state: str = "idle",
    *,
    node: str | None = None,
    owner: str = "jovyan",
    command: str = "sleep 60",
    reason: str | None = None,
    access_point: str = "ci-submit-1",
    since: datetime | None = NOON,
) -> QueuedJob:
    """Return a job in the queue."""
    cluster, _, proc = job.partition(".")
    return QueuedJob(
        access_point=access_point,
        cluster=int(cluster),
        proc=int(proc),
        owner=owner,
        state=state,
        since=since,
        command=command,
        slot=f"slot1@{node}" if node else None,
        node=node,
        reason=reason,
    )


def look(
    *,
    nodes: Sequence[NodeStatus] | None = None,
    slots: Sequence[Slot] | None = None,
    jobs: Sequence[QueuedJob] = (),
    submitters: Sequence[Submitter] = (),
    faults: Sequence[FaultStatus] = (),
    verdict: Verdict = Verdict.USABLE,
    reasons: Sequence[str] = (),
    notes: Sequence[str] = (),
    completed: int = 0,
    at: datetime = NOON,
) -> Look:
    """Return a look at the pool ``ci``."""
    if nodes is None:
        nodes = [
            node("ci-master", role="master"),
            node("ci-submit-1", role="submit"),
            node("ci-execute-1"),
        ]
    daemons = [
        DaemonStatus(
            node=each.name,
            type="startd",
            name=each.name,
            version="25.14.1",
            address="10.0.0.2:9618",
            heard_at=at,
            alive=each.state == "running",
        )
        for each in nodes
        if each.role == "execute"
    ]
    status = PoolStatus(
        name="ci",
        verdict=verdict,
        reasons=tuple(reasons),
        series="25",
        versions=("25.14.1",),
        nodes=tuple(nodes),
        daemons=tuple(daemons),
        slots=SlotStatus(expected=1),
        jobs=(
            JobStatus(
                access_point="ci-submit-1",
                idle=0,
                running=0,
                held=0,
                removed=0,
                completed=completed,
            ),
        ),
        faults=tuple(faults),
    )
    overview = Overview(
        status=status,
        slots=tuple([slot()] if slots is None else slots),
        submitters=tuple(submitters),
    )
    return Look(overview=overview, jobs=tuple(jobs), notes=tuple(notes), at=at, took_s=0.1)


@dataclass
class Looks:
    """A source of looks that a test changes."""

    now: Look = field(default_factory=look)
    error: CondorMiniError | None = None
    """In place of a look."""
    count: int = 0
    is_complete: bool = False
    """Whether no change will be missed."""
    changed: Callable[[], object] | None = None
    """What is to be called when a queue changes; None if nobody has asked."""

    def look(self) -> Look:
        """Return what is there now."""
        self.count += 1
        if self.error is not None:
            raise self.error
        return self.now

    def watch(self, changed: Callable[[], object]) -> bool:
        """Keep what is to be called, for the test to call it."""
        self.changed = changed
        return self.is_complete

    def close(self) -> None:
        """Nothing is watched."""


@dataclass
class LargePool:
    """A source of looks at a large pool in which a hundredth of all changes with each look."""

    nodes: int = 100
    slots_of_each: int = 100
    jobs: int = 20_000
    count: int = 0

    def watch(self, changed: Callable[[], object]) -> bool:
        """Nothing is seen between two looks."""
        del changed
        return False

    def close(self) -> None:
        """Nothing is watched."""

    def look(self) -> Look:
        """Return the pool as it is at this look."""
        self.count += 1
        now = datetime.now(UTC)
        names = [f"ci-execute-{number}" for number in range(1, self.nodes + 1)]
        slots, jobs = [], []
        total = self.nodes * self.slots_of_each
        for place in range(total):
            name = names[place // self.slots_of_each]
            is_busy = (place + self.count) % 100 < 90
            cluster = 1 + place // 1000
            number = f"{cluster}.{place % 1000}"
            slots.append(
                slot(
                    name,
                    f"slot1_{place % self.slots_of_each + 1}",
                    kind="Dynamic",
                    state="Claimed" if is_busy else "Unclaimed",
                    activity="Busy" if is_busy else "Idle",
                    job=number if is_busy else None,
                    owner=f"user{place % 40}" if is_busy else None,
                )
            )
            if is_busy:
                since = now - timedelta(seconds=place % 600)
                owner = f"user{place % 40}"
                jobs.append(job(number, "running", node=name, owner=owner, since=since))
        for place in range(self.jobs - len(jobs)):
            state, reason = ("held", "no such file") if place % 50 == 0 else ("idle", None)
            jobs.append(job(f"{100 + place // 1000}.{place % 1000}", state, reason=reason))
        nodes = [
            node("ci-master", role="master"),
            node("ci-submit-1", role="submit"),
            *map(node, names),
        ]
        return look(nodes=nodes, slots=slots, jobs=jobs, at=now, completed=self.count)
