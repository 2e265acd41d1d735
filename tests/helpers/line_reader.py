"""Reads lines as they come, in a thread."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 10


class Reader:
    """A thread that reads lines as they come."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._read: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._run, args=(lines,), daemon=True)
        self._thread.start()

    def _run(self, lines: Iterator[str]) -> None:
        for line in lines:
            self._read.put(line)

    def lines(self, count: int) -> list[str]:
        """The next lines, which come soon."""
        return [self._read.get(timeout=PATIENCE_S) for _ in range(count)]

    def is_empty(self) -> bool:
        """Whether there is no line to be had now."""
        return self._read.empty()

    def rest(self) -> list[str]:
        """All that comes until the end, which is soon."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        return [self._read.get() for _ in range(self._read.qsize())]
