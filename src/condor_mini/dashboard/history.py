"""What has changed from one look to the next, and how things went while somebody looked."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from condor_mini.base.words import counted
from condor_mini.jobs.queue import by_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from condor_mini.dashboard.look import Look
    from condor_mini.jobs.queue import QueuedJob

MOST_CHANGES = 500
MOST_POINTS = 3600
MOST_SPANS = 2000
MOST_LINES = 20
"""If more jobs than these do the same between two looks, they are one line."""

JobKey = tuple[str, int, int]
"""Access point, cluster and proc."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that was otherwise at the look before."""

    number: int
    """Counts up from 1."""
    at: datetime
    about: str
    """``pool``, ``node``, ``fault`` or ``job``."""
    text: str


@dataclass(frozen=True, kw_only=True)
class Point:
    """How many jobs and slots there were at one moment."""

    at: datetime
    idle: int
    running: int
    held: int
    claimed: int
    """Number of claimed slots."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A job on a machine, from its start to its end there."""

    job: str
    owner: str
    node: str
    began: datetime
    ended: datetime | None
    """None while it runs."""


@dataclass
class History:
    """What the looks so far have shown. Each list forgets its oldest entries."""

    changes: deque[Change] = field(default_factory=lambda: deque(maxlen=MOST_CHANGES))
    points: deque[Point] = field(default_factory=lambda: deque(maxlen=MOST_POINTS))
    _ended: deque[Span] = field(default_factory=lambda: deque(maxlen=MOST_SPANS))
    _running: dict[JobKey, Span] = field(default_factory=dict)
    _jobs: dict[JobKey, QueuedJob] = field(default_factory=dict)
    _last: Look | None = None
    _number: int = 0

    def add(self, look: Look) -> None:
        """Compare a look with the one before, and keep what is new."""
        jobs = {(job.access_point, job.cluster, job.proc): job for job in look.jobs}
        if self._last is not None:
            for about, text in _changes(self._last, look, self._jobs, jobs):
                self.note(about, text, look.at)
        states = by_state(look.jobs)
        self.points.append(
            Point(
                at=look.at,
                idle=states.get("idle", 0),
                running=states.get("running", 0) + states.get("transferring", 0),
                held=states.get("held", 0),
                claimed=sum(slot.state == "Claimed" for slot in look.overview.slots),
            )
        )
        self._follow_spans(jobs, look.at)
        self._last, self._jobs = look, jobs

    def note(self, about: str, text: str, at: datetime) -> None:
        """Keep one change."""
        self._number += 1
        self.changes.append(Change(number=self._number, at=at, about=about, text=text))

    def spans(self) -> list[Span]:
        """Return the jobs on machines, the oldest end first and those that run last."""
        return [*self._ended, *self._running.values()][-MOST_SPANS:]

    def _follow_spans(self, jobs: Mapping[JobKey, QueuedJob], now: datetime) -> None:
        for key, span in [*self._running.items()]:
            job = jobs.get(key)
            if job is None or job.node != span.node or (job.since or span.began) > span.began:
                self._ended.append(replace(span, ended=max(now, span.began)))
                del self._running[key]
        for key, job in jobs.items():
            if job.node and key not in self._running:
                self._running[key] = Span(
                    job=job.id, owner=job.owner, node=job.node, began=job.since or now, ended=None
                )


def _changes(
    before: Look,
    now: Look,
    jobs_before: Mapping[JobKey, QueuedJob],
    jobs: Mapping[JobKey, QueuedJob],
) -> Iterator[tuple[str, str]]:
    """Yield what each change is about, and what it is."""
    was, status = before.overview.status, now.overview.status
    if was.verdict is not status.verdict:
        yield "pool", f"The pool is {status.verdict}"
    yield from _of_nodes(before, now)
    faults = {f"{each.fault} {each.target}" for each in was.faults}
    faults_now = {f"{each.fault} {each.target}" for each in status.faults}
    yield from (("fault", f"{name} is in force") for name in sorted(faults_now - faults))
    yield from (("fault", f"{name} is healed") for name in sorted(faults - faults_now))
    if now.notes:  # an access point that does not answer has not lost its jobs
        return
    yield from (("job", text) for text in _of_jobs(jobs_before, jobs))


def _of_nodes(before: Look, now: Look) -> Iterator[tuple[str, str]]:
    states = _node_states(before)
    states_now = _node_states(now)
    for name in states.keys() | states_now.keys():
        state = states_now.get(name)
        if state is None:
            yield "node", f"{name} is gone"
        elif name not in states:
            yield "node", f"{name} is new: {state}"
        elif states[name] != state:
            yield "node", f"{name}: {states[name]} → {state}"


def _node_states(look: Look) -> dict[str, str]:
    status = look.overview.status
    states = {
        node.name: node.state if node.exit_code is None else f"{node.state} ({node.exit_code})"
        for node in status.nodes
    }
    return states | {node.name: f"joined from {node.host}" for node in status.joined}


def _of_jobs(before: Mapping[JobKey, QueuedJob], now: Mapping[JobKey, QueuedJob]) -> Iterator[str]:
    happened: dict[str, list[str]] = {"submitted": []}
    for key, job in now.items():
        was = before.get(key)
        if was is None or was.state != job.state or was.node != job.node:
            what = "submitted" if was is None and job.state == "idle" else job.state
            happened.setdefault(what, []).append(_line(job, what))
    gone = [job for key, job in before.items() if key not in now]
    if gone:
        happened["left the queue"] = [f"{job.id} has left the queue" for job in gone]
    for what, lines in happened.items():
        if len(lines) > MOST_LINES:
            yield f"{counted(len(lines), 'job')}: {what}"
        else:
            yield from lines


def _line(job: QueuedJob, what: str) -> str:
    where = f" on {job.node}" if job.node else ""
    why = f": {job.reason}" if job.reason else ""
    return f"{job.id} of {job.owner} is {what}{where}{why}"


def owners(jobs: Sequence[QueuedJob]) -> dict[str, Counter[str]]:
    """Return the number of jobs in each state, by owner; the owner with most jobs first."""
    found: dict[str, Counter[str]] = {}
    for job in jobs:
        found.setdefault(job.owner, Counter())[job.state] += 1
    return dict(sorted(found.items(), key=lambda item: (-item[1].total(), item[0])))
