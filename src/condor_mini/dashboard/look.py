"""What is seen of a pool at one moment, and where it comes from."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from condor_mini.base.errors import CondorMiniError, NotFound
from condor_mini.base.progress import Progress
from condor_mini.dashboard.pool_watch import PoolWatch
from condor_mini.jobs.queue import queue
from condor_mini.nodes.holdings import ask_at_once
from condor_mini.pool import Pool
from condor_mini.reports.collector import COLLECTOR_TIMEOUT_S
from condor_mini.reports.overview import overview

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import Engine
    from condor_mini.jobs.queue import QueuedJob
    from condor_mini.reports.overview import Overview


MANY_SLOTS = 2000
"""With so many, the collector may take ``LONG_TIMEOUT_S`` to answer, beside a busy schedd."""
LONG_TIMEOUT_S = 30


@dataclass(frozen=True, kw_only=True)
class Look:
    """A pool at one moment."""

    overview: Overview
    jobs: tuple[QueuedJob, ...]
    notes: tuple[str, ...]
    """What could not be seen: access points that do not run."""
    at: datetime
    took_s: float


class Source(Protocol):
    """Where looks come from."""

    def look(self) -> Look:
        """Look once; raises ``CondorMiniError`` if nothing can be seen."""

    def watch(self, changed: Callable[[], object]) -> bool:
        """Call ``changed`` from another thread if the pool changes in the next minutes.

        Returns:
            Whether no change will be missed from now on.
        """

    def close(self) -> None:
        """Watch no more."""


class PoolSource:
    """Looks at the pool of a name. One that was deleted and made again is found again."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self.name = name
        self._pool = Pool(engine, name)
        self._watch = PoolWatch(engine, name, lambda: self._pool.reached_nodes)
        self._timeout_s = COLLECTOR_TIMEOUT_S

    def pool(self) -> Pool:
        """Return the pool as it is to be used for something that is done to it."""
        return Pool(self._engine, self.name)

    def look(self) -> Look:
        """Look once: two questions to the engine, one to the collector, one to each schedd.

        Faults whose holder is gone, or whose time is over, are healed.

        Raises:
            NotFound: There is no such pool.
            PoolNotReady: Only the pool's state is left.
        """
        began = time.monotonic()
        seen: list[Overview] = []
        jobs: list[QueuedJob] = []
        notes = _Notes()
        try:
            ask_at_once(
                lambda: seen.append(overview(self._pool, timeout_s=self._timeout_s)),
                lambda: jobs.extend(_jobs(self._pool, notes)),
            )
            if seen[0].status.faults:
                self._pool.faults.heal_abandoned()
        except NotFound:
            self._pool = self.pool()  # it may be on other hosts when it comes back
            raise
        if len(seen[0].slots) >= MANY_SLOTS:
            self._timeout_s = LONG_TIMEOUT_S
        return Look(
            overview=seen[0],
            jobs=tuple(jobs),
            notes=tuple(notes.lines),
            at=datetime.now(UTC),
            took_s=time.monotonic() - began,
        )

    def watch(self, changed: Callable[[], object]) -> bool:
        """Call ``changed`` from another thread if the pool changes in the next minutes.

        Returns:
            Whether no change will be missed from now on.
        """
        return self._watch.watch(changed)

    def close(self) -> None:
        """Watch no more."""
        self._watch.close()


class _Notes(Progress):
    """Keeps the notes, to be shown with the jobs."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        """Keep a line."""
        self.lines.append(text)


def _jobs(pool: Pool, notes: _Notes) -> list[QueuedJob]:
    """Return the jobs, or none and a note where a queue cannot be had: the rest is worth seeing."""
    try:
        return queue(pool, progress=notes)
    except CondorMiniError as error:  # a pool that is gone fails the look elsewhere
        notes.note(error.message)
        return []
