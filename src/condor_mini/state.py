"""The state directory of a personal pool: logs, queue, history, key and tokens, kept by the caller.

Two locks stand in it, both the kernel's, so that none is left behind by a crash: one while a pool
is being started on it, and one that each session in the pool shares.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

from condor_mini.errors import StateError
from condor_mini.readiness import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_TIMEOUT_S = 120.0
"""How long to wait for another process that is starting a pool on the same directory."""

NEEDED_BYTES = 4 * 1024 * 1024
"""What a pool writes in its first minute: with less free space it would only fail later."""


LOCKS = STARTING, SESSIONS = ".starting", ".sessions"


class StateDirectory:
    """A directory that is there, is ours to write, and has room."""

    def __init__(self, path: Path) -> None:
        """Make the directory if it is absent.

        Raises:
            StateError: It is no directory, cannot be written, or its disk is full.
        """
        self.path = path.absolute()
        self._was_absent = not self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path = self.path.resolve()
            self._check_room()
        except FileExistsError:
            raise StateError(
                f"the state directory {self.path} is not a directory", hint="Name one: --state DIR"
            ) from None
        except OSError as error:
            self._discard()
            raise self._unwritable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        """Leave no directory behind that was made for nothing."""
        if value is not None:
            self._discard()

    def _discard(self) -> None:
        """Remove the directory if it was made just now and holds nothing but our locks."""
        with suppress(OSError):
            if self._was_absent and {entry.name for entry in self.path.iterdir()} <= set(LOCKS):
                for lock in LOCKS:
                    (self.path / lock).unlink(missing_ok=True)
                self.path.rmdir()

    def _unwritable(self, error: OSError) -> StateError:
        return StateError(
            f"cannot write to the state directory {self.path}: {error.strerror}",
            hint="Name another: --state DIR",
        )

    def _check_room(self) -> None:
        probe = self.path / f".probe-{os.getpid()}"
        try:
            probe.touch()
        finally:
            probe.unlink(missing_ok=True)
        free = os.statvfs(self.path)
        if free.f_bavail * free.f_frsize < NEEDED_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Alone with the directory, while a pool is looked for or started on it."""
        with self._lock_file(STARTING) as lock:
            wait_until(
                lambda: None if _try_lock(lock, fcntl.LOCK_EX) else "another process starts a pool",
                timeout_s=START_TIMEOUT_S,
            )
            yield

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One of those who are in the pool right now."""
        with self._lock_file(SESSIONS) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield Session(lock)

    @contextmanager
    def _lock_file(self, name: str) -> Iterator[int]:
        try:
            lock = os.open(self.path / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            yield lock
        finally:
            os.close(lock)


class Session:
    """A stay in a pool."""

    def __init__(self, lock: int) -> None:
        self._lock = lock

    def is_last(self) -> bool:
        """Whether nobody else is in the pool; nobody can then come in until this session ends."""
        return _try_lock(self._lock, fcntl.LOCK_EX)


def _try_lock(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
