"""The pools of one run of pytest: all its processes share them, and its first process removes them.

A run has a directory below the user's state directory. Its first process, which is pytest-xdist's
controller where there is one, holds a lock there until it ends, in whatever way it ends. Each pool
has a record in the directory before it is created. So a later run finds what a dead one left.
"""

from __future__ import annotations

import json
import logging
import shutil
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.locks import Lock
from condor_mini.base.signals import held_back

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.engine import Engine
    from condor_mini.pool import Pool

PREFIX = "pytest-"
"""What the names of the plugin's pools begin with."""
_LOCK = "lock"
_KEEP = "keep"
"""File that says that the pools outlive the run."""
_RECORD = ".pool"

_log = logging.getLogger(__name__)


class Make(Protocol):
    """Creates a pool of a name on an engine."""

    def __call__(self, name: str, engine: Engine) -> Pool:
        """Return the pool, which is ready."""


@dataclass(frozen=True)
class Record:
    """A pool that a run has created, or has begun to create."""

    path: Path

    @property
    def pool(self) -> str:
        """The pool's name."""
        return self.path.name.removesuffix(_RECORD)

    def remove_pool(self) -> None:
        """Remove the pool, then the record. It is no error if there is no such pool."""
        from condor_mini import Pool
        from condor_mini.engines import find_engine

        with held_back():
            Pool(find_engine(self.path.read_text("utf-8")), self.pool).delete()
            self.path.unlink(missing_ok=True)


class Run:
    """The pools of one run of pytest."""

    def __init__(self, directory: Path, lock: Lock | None = None) -> None:
        """Take part in a run that another process has begun, or that ``lock`` is held for."""
        self.directory = directory
        self._lock = lock

    @classmethod
    def begin(cls, *, keep: bool) -> Self:
        """Begin a run.

        Args:
            keep: The pools outlive the run.

        Raises:
            OSError: The user's state directory cannot be written to.
        """
        runs = _runs()
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        with Lock.open_directory(runs) as beginning:
            beginning.acquire()  # nobody is to see a run that does not hold its lock yet
            directory = runs / uuid.uuid4().hex[:8]
            directory.mkdir(mode=0o700)
            lock = Lock.open(directory / _LOCK)
            lock.acquire()
        if keep:
            (directory / _KEEP).touch()
        return cls(directory, lock)

    @property
    def records(self) -> list[Record]:
        """The pools of the run that were not removed, in the order of their names."""
        return [Record(path) for path in sorted(self.directory.glob(f"*{_RECORD}"))]

    @property
    def is_kept(self) -> bool:
        """Whether the pools outlive the run."""
        return (self.directory / _KEEP).exists()

    def create(self, make: Make, engine_name: str | None) -> Pool:
        """Create a pool. The run removes it at its end.

        Args:
            make: Creates the pool.
            engine_name: Engine to create it on. None for the first that answers.

        Raises:
            CondorMiniError: What ``make`` raises, or no engine answers.
        """
        from condor_mini.engines import find_engine

        remove_dead_runs()
        engine = find_engine(engine_name)
        name = f"{PREFIX}{uuid.uuid4().hex[:8]}"
        _write(self._record(name).path, engine.name)
        return make(name, engine)

    def shared(self, key: str, make: Make, engine_name: str | None) -> Pool:
        """Return the pool that all processes of the run share.

        The first process that asks creates it, and the others wait. If that process ends before
        the pool is ready, the next one creates another.

        Args:
            key: Distinguishes the shared pools of a run.
            make: Creates the pool.
            engine_name: See ``create``.

        Raises:
            CondorMiniError: The pool could not be created, by this or another process.
        """
        from condor_mini import Pool
        from condor_mini.engines import find_engine

        outcome = self.directory / f"{key}.shared"
        with Lock.open(self.directory / f"{key}.lock") as turn:
            turn.acquire()
            if not outcome.exists():
                _write(outcome, json.dumps(self._outcome(make, engine_name)))
        found: dict[str, str] = json.loads(outcome.read_text("utf-8"))
        if "error" in found:
            raise CondorMiniError(found["error"])
        return Pool(find_engine(found["engine"]), found["pool"])

    def _outcome(self, make: Make, engine_name: str | None) -> dict[str, str]:
        try:
            pool = self.create(make, engine_name)
        except CondorMiniError as error:
            return {"error": "\n".join([str(error), *getattr(error, "__notes__", ())])}
        return {"pool": pool.name, "engine": pool.engine.name}

    def remove(self, pool: Pool) -> None:
        """Remove a pool before the run ends, unless pools are kept."""
        if not self.is_kept:
            self._record(pool.name).remove_pool()

    def end(self) -> None:
        """Remove all pools unless they are kept, if this process began the run."""
        if self._lock is None:
            return
        with held_back(), self._lock:
            _remove_all(self)

    def _record(self, pool: str) -> Record:
        return Record(self.directory / f"{pool}{_RECORD}")


def remove_dead_runs() -> None:
    """Remove the pools of runs whose process is dead, unless they are kept."""
    for run, lock in _dead_runs():
        with lock:
            _remove_all(run)


def _dead_runs() -> list[tuple[Run, Lock]]:
    """Return the runs whose lock is free, with the lock, which is held now."""
    dead = []
    with Lock.open_directory(_runs()) as beginning:
        beginning.acquire()
        for directory in sorted(path for path in _runs().iterdir() if path.is_dir()):
            with suppress(FileNotFoundError):  # it has just ended
                lock = Lock.open(directory / _LOCK)
                if lock.try_acquire():
                    dead.append((Run(directory), lock))
                else:
                    lock.close()
    return dead


def _remove_all(run: Run) -> None:
    """Remove a run's pools unless they are kept. If one is left, a later run tries again."""
    complete = True
    for record in () if run.is_kept else run.records:
        try:
            record.remove_pool()
        except CondorMiniError as error:
            complete = False
            _log.warning(
                "The pool %s of a test run could not be removed: %s\n"
                "The next run that creates a pool tries again.",
                record.pool,
                error,
            )
    if complete:
        shutil.rmtree(run.directory, ignore_errors=True)


def _write(path: Path, text: str) -> None:
    """Write a file that others see complete or not at all."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, "utf-8")
    new.replace(path)


def _runs() -> Path:
    from platformdirs import user_state_path

    return user_state_path("condor-mini", appauthor=False) / "pytest"
