"""What a recording is told of faults: when each was made and undone, by whichever process.

The journal has only the faults that are in force. A recording on this machine has a file below the
user's state directory, which it locks, and whoever makes or undoes a fault adds a line to it.
Without a recording there is no such file, and nothing is written.
"""

from __future__ import annotations

import json
import os
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from condor_mini.base.directories import user_state
from condor_mini.base.locks import Lock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from condor_mini.nodes.pool_nodes import PoolNodes

_SUFFIX = ".jsonl"


class Phase(StrEnum):
    """What happened to a fault."""

    BEGIN = "begin"
    END = "end"
    MOMENT = "moment"
    """It was made, and does not last."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A fault that was made or undone."""

    phase: Phase
    time: datetime
    fault: str
    """Name of the fault: ``freeze``."""
    target: str
    """What it strikes: ``ci-execute-1/startd``."""
    mark: str = ""
    """The mark of its record in the journal; empty for a moment."""
    jobs: tuple[str, ...] = ()
    """Ids of the jobs that it strikes, or an expression."""
    until: datetime | None = None
    """When it is to be undone; None for no time."""


class Listener:
    """Receives the notices of a pool's faults, until it is closed."""

    def __init__(self, pool: PoolNodes) -> None:
        """Begin to listen; raises ``OSError`` if the user's state directory cannot be written."""
        folder = _folder(pool)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{uuid.uuid4().hex[:8]}{_SUFFIX}"
        self._lock = Lock.open(self._path)
        self._lock.acquire()
        self._offset = 0

    def read(self) -> list[Notice]:
        """Return the notices that have come since the last call, in order."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._offset += len(whole + newline)
        return [_notice(line) for line in whole.splitlines()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        self._path.unlink(missing_ok=True)
        self._lock.close()
        with suppress(OSError):  # another one listens to the same pool
            self._path.parent.rmdir()


def announce(pool: PoolNodes, notices: Sequence[Notice]) -> None:
    """Tell those who listen to a pool; what fails is left out, and never fails a fault."""
    with suppress(OSError):
        for path in _folder(pool).glob(f"*{_SUFFIX}"):
            with suppress(OSError):
                _add(path, notices)


def _add(path: Path, notices: Sequence[Notice]) -> None:
    with Lock(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)) as lock:
        if lock.try_acquire(shared=True):  # whoever listened was killed
            path.unlink(missing_ok=True)
            return
        lines = "".join(f"{json.dumps(asdict(notice), default=str)}\n" for notice in notices)
        os.write(lock.descriptor, lines.encode())


def _notice(line: bytes) -> Notice:
    found = json.loads(line)
    until = found["until"]
    return Notice(
        **{
            **found,
            "phase": Phase(found["phase"]),
            "time": datetime.fromisoformat(found["time"]).astimezone(UTC),
            "jobs": tuple(found["jobs"]),
            "until": datetime.fromisoformat(until).astimezone(UTC) if until else None,
        }
    )


def _folder(pool: PoolNodes) -> Path:
    return user_state() / "recordings" / pool.engine.name / pool.name
