"""The kinds of check: what of a learner's work is looked at, and when it is done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.words import counted
from condor_mini.events.event_types import event_type
from condor_mini.lessons import event_log

if TYPE_CHECKING:
    from datetime import datetime

    from condor_mini.lessons.event_log import Event
    from condor_mini.lessons.work import Work


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a look has shown."""

    is_done: bool
    text: str
    """What was seen, in one line."""


class Check(Protocol):
    """What says whether a step of a lesson is done."""

    @property
    def passes(self) -> bool:
        """Whether what it looks at may be gone later, such as a pool. Files stay."""
        ...

    def look(self, work: Work) -> Seen:
        """Look at the learner's work; nothing is changed."""
        ...


@dataclass(frozen=True, kw_only=True)
class FileHas:
    """A file has lines of a kind."""

    file: str
    """Name of the file, or a pattern for several: ``square.*.out``."""
    pattern: str
    """What is searched for in a line, a regular expression."""
    lines: int = 1
    """So many lines must match, in all files together."""
    passes: bool = False

    def look(self, work: Work) -> Seen:
        """See ``Check.look``."""
        texts = work.texts(self.file)
        if not texts:
            return Seen(is_done=False, text=f"there is no {self.file}")
        matching = [
            line for text in texts for line in text.splitlines() if re.search(self.pattern, line)
        ]
        if len(matching) < self.lines:
            number = f"{len(matching)} of {counted(self.lines, 'such line')}"
            return Seen(is_done=False, text=f"{self.file} has {number}")
        return Seen(is_done=True, text=f"{self.file}: {matching[0].strip()}")


@dataclass(frozen=True, kw_only=True)
class JobsDid:
    """Jobs went through events in an order, as HTCondor wrote it to their log."""

    log: str
    """Name of the log, or a pattern for several."""
    events: tuple[str, ...] = ("JobTerminated",)
    """Names of events: ``condor-mini event list``. Others may stand between them."""
    jobs: int = 1
    """So many jobs must have them."""
    says: str = r"Normal termination \(return value 0\)"
    """What the text of the last event must have, a regular expression."""
    passes: bool = False

    def look(self, work: Work) -> Seen:
        """See ``Check.look``."""
        texts = work.texts(self.log)
        if not texts:
            return Seen(is_done=False, text=f"there is no {self.log}")
        jobs = [job for text in texts for job in event_log.by_job(event_log.events(text))]
        done = sum(self._has_done(job) for job in jobs)
        number = f"{done} of {counted(self.jobs, 'job')}"
        return Seen(
            is_done=done >= self.jobs,
            text=f"{self.log}: {number} went through {' -> '.join(self.events)}",
        )

    def _has_done(self, job: list[Event]) -> bool:
        wanted = [event_type(name).number for name in self.events]
        last = wanted[-1]
        found = event_log.matching(job, wanted[:-1])
        if found is None:
            return False
        rest = job[job.index(found[-1]) + 1 :] if found else job
        return any(event.number == last and re.search(self.says, event.text) for event in rest)


@dataclass(frozen=True, kw_only=True)
class BeganBefore:
    """Jobs that were submitted later began before the last of those that were there before."""

    log: str
    """Log of the jobs that came later; of several clusters in it, the last one counts."""
    others: str
    """Log of the jobs that came first."""
    all: bool = False
    """Whether all of them must have begun before, and not one alone."""
    passes: bool = False

    def look(self, work: Work) -> Seen:
        """See ``Check.look``."""
        ours, theirs = (self._begun(work, log) for log in (self.log, self.others))
        if not ours or not theirs:
            missing = self.others if ours else self.log
            return Seen(is_done=False, text=f"no job in {missing} has begun")
        is_done = (max(ours) if self.all else min(ours)) < max(theirs)
        which, words = "last" if self.all else "first", "began" if is_done else "did not begin"
        return Seen(
            is_done=is_done,
            text=f"the {which} job in {self.log} {words} before the last one in {self.others}",
        )

    def _begun(self, work: Work, log: str) -> list[datetime]:
        number = event_type("Execute").number
        jobs = [job for text in work.texts(log) for job in event_log.by_job(event_log.events(text))]
        last = jobs[-1][0].job[0] if jobs else 0
        return [
            event.time
            for job in jobs
            for event in job
            if event.number == number and event.job[0] == last
        ]


@dataclass(frozen=True, kw_only=True)
class SlotsAre:
    """A pool has slots of a kind."""

    constraint: str
    """A ClassAd expression; HTCondor's collector evaluates it."""
    slots: int = 1
    """So many slots."""
    pool: str | None = None
    """Name of the pool. None for the learner's."""
    passes: bool = True

    def look(self, work: Work) -> Seen:
        """See ``Check.look``."""
        try:
            found = work.pool(self.pool).slot_ads(self.constraint, ["Name"])
        except CondorMiniError as error:
            return Seen(is_done=False, text=error.message.splitlines()[0])
        number = f"{len(found)} of {counted(self.slots, 'slot')}"
        name = self.pool or work.pool_name
        return Seen(
            is_done=len(found) >= self.slots,
            text=f"the pool {name} has {number} with {self.constraint}",
        )
