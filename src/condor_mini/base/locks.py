"""Locks between processes: flock(2) on a file or directory. The kernel releases them at a crash."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING, Self

from condor_mini.base.errors import CondorMiniError, TimedOut
from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Lock:
    """A lock that one process holds alone, or that several share.

    It is held from ``acquire`` until ``close``, or until the end of the context. A second
    ``acquire`` changes it from shared to exclusive, or back.
    """

    def __init__(self, descriptor: int) -> None:
        """Use an open file or directory; ``close`` closes it. Nothing is locked yet."""
        self.descriptor = descriptor

    @classmethod
    def open(cls, path: Path) -> Self:
        """Use a file, which is created for its owner alone if it is absent."""
        return cls(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    @classmethod
    def open_directory(cls, path: Path) -> Self:
        """Use a directory that exists."""
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release it."""
        os.close(self.descriptor)

    def acquire(self, *, shared: bool = False) -> None:
        """Wait for it without a deadline."""
        fcntl.flock(self.descriptor, _operation(shared=shared))

    def try_acquire(self, *, shared: bool = False) -> bool:
        """Take it if it is free; return whether it was."""
        try:
            fcntl.flock(self.descriptor, _operation(shared=shared) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def acquire_within(
        self,
        timeout_s: float,
        *,
        reason: str,
        error: Callable[[str], CondorMiniError] = TimedOut,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Wait for it until a deadline.

        Args:
            timeout_s: Deadline, in seconds from now.
            reason: What another process does while it holds the lock; for the error's message.
            error: See ``wait_until``, as for ``clock`` and ``sleep``.
            clock: Returns seconds from any fixed point.
            sleep: Pauses for so many seconds.

        Raises:
            CondorMiniError: What ``error`` makes; ``TimedOut`` by default.
        """
        wait_until(
            lambda: None if self.try_acquire() else reason,
            timeout_s=timeout_s,
            error=error,
            clock=clock,
            sleep=sleep,
        )


def _operation(*, shared: bool) -> int:
    return fcntl.LOCK_SH if shared else fcntl.LOCK_EX
