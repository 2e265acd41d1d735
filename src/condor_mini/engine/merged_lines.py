"""The lines of several iterations as one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.signals import start_thread


class MergedLines(Iterator[str]):
    """The lines of several iterations, in the order in which they come."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[str | CondorMiniError | None] = queue.SimpleQueue()

    def add(self, lines: Iterator[str]) -> None:
        """Add an iteration, which a thread reads until its end."""
        start_thread(threading.Thread(target=self._read, args=(lines,), daemon=True))

    def _read(self, lines: Iterator[str]) -> None:
        try:
            for line in lines:
                self._lines.put(line)
        except CondorMiniError as error:
            self._lines.put(error)

    def __next__(self) -> str:
        line = self._lines.get()
        if isinstance(line, CondorMiniError):
            raise line
        if line is None:
            raise StopIteration
        return line

    def end(self) -> None:
        """End the iteration, wherever it is."""
        self._lines.put(None)
