"""The daemons' logs, followed once for all pages that show them, while one does."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.signals import start_thread
from condor_mini.base.times import rfc3339
from condor_mini.reports import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from condor_mini.dashboard.view import Json
    from condor_mini.pool import Pool
    from condor_mini.reports.logs import LogLine

MOST_LINES = 1000
"""Number of lines that are kept for a page that is opened."""
TAIL = 200
"""Number of the last lines of each node to begin with."""
BATCH_S = 0.25
"""Lines are handed out together, so often: a daemon at D_FULLDEBUG writes hundreds a second."""
END_TIMEOUT_S = 5.0
AGAIN_S = 2.0
"""Seconds until a pool that does not run, or does not exist, is looked for again."""


class LogFeed:
    """Follows the logs of a pool while somebody reads them."""

    def __init__(self, pool: Callable[[], Pool]) -> None:
        self._pool = pool
        self._lines: deque[Json] = deque(maxlen=MOST_LINES)
        self._number = 0
        self._readers = 0
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Follow the logs while the context lasts."""
        self._readers += 1
        if self._thread is None or self._ending.is_set():
            self._begin()
        try:
            yield
        finally:
            self._readers -= 1
            if not self._readers:
                self.end()

    def end(self) -> None:
        """Stop following; the thread ends within a second."""
        self._ending.set()

    def close(self) -> None:
        """Stop following, and wait until the engine's client that reads the logs has ended."""
        self.end()
        if self._thread is not None:
            self._thread.join(END_TIMEOUT_S)

    async def after(self, number: int, *, timeout_s: float) -> list[Json]:
        """Return the lines after a number, as soon as there are some.

        Args:
            number: Number of the last line that is known. 0 for none.
            timeout_s: Return none after so many seconds.
        """
        for _ in range(round(timeout_s / BATCH_S)):
            if self._number > number:
                return [line for line in self._lines if line["number"] > number]
            await asyncio.sleep(BATCH_S)
        return []

    def _begin(self) -> None:
        self._ending = ending = threading.Event()
        self._lines.clear()
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._work, args=(loop, ending), daemon=True, name="logs"
        )
        start_thread(self._thread)

    def _work(self, loop: asyncio.AbstractEventLoop, ending: threading.Event) -> None:
        tail: int | None = TAIL
        since: datetime | None = None
        try:
            while not ending.is_set():
                # The page says what is wrong: the looks at the pool fail too.
                with suppress(CondorMiniError):
                    for line in logs.follow(
                        self._pool(), since=since, tail=tail, ended=ending.is_set
                    ):
                        since, tail = line.time + timedelta(microseconds=1), None
                        loop.call_soon_threadsafe(self._put, line, ending)
                        if ending.is_set():
                            break
                ending.wait(AGAIN_S)
        except RuntimeError:
            pass  # the loop is closed: the dashboard ends
        finally:
            ending.set()

    def _put(self, line: LogLine, ending: threading.Event) -> None:
        if ending.is_set():
            return
        self._number += 1
        self._lines.append(
            {
                "number": self._number,
                "time": rfc3339(line.time),
                "node": line.node,
                "daemon": line.daemon,
                "text": line.text,
            }
        )
