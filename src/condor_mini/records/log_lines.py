"""The lines of the daemons' logs, as ``condor-mini logs --follow`` has them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.signals import start_thread
from condor_mini.records.entry import EntryKind, TimelineEntry, stamp
from condor_mini.reports import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from condor_mini.nodes.pool_nodes import PoolNodes
    from condor_mini.reports.logs import LogLine

    Add = Callable[[Iterable[TimelineEntry]], None]

AGAIN_S = 1.0
"""After a failure, follow the logs again so much later."""


class LogFollower:
    """A thread that adds each line of the daemons' logs, until it is told to end."""

    def __init__(self, pool: PoolNodes, began: datetime, add: Add) -> None:
        self._pool = pool
        self._began = began
        self._add = add
        self._ending = threading.Event()
        self._read: dict[str, tuple[datetime, int]] = {}
        """For each node the time of its last line, and the number of lines of that time."""
        self._failed = False
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        start_thread(self._thread)

    def end(self) -> None:
        """Have it read what has been written until now, and end; does not wait."""
        self._ending.set()

    def join(self, timeout_s: float) -> None:
        """Wait until it has ended. What hangs is left behind, and said to be missing."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._missing("they were not read to the end")

    def _work(self) -> None:
        while not self._ending.is_set():
            # Whatever was read before a failure is not taken again.
            self._take(
                lambda: self._unread(
                    logs.follow(self._pool, since=self._since(), ended=self._ending.is_set)
                )
            )
            self._ending.wait(AGAIN_S)
        # The follower may lag behind, and a node shows its lines up to 0.5 s late: read them all.
        self._take(lambda: self._unread(logs.lines(self._pool, since=self._since())))

    def _take(self, lines: Callable[[], Iterable[LogLine]]) -> None:
        try:
            for line in lines():
                self._is_read()
                self._add([_entry(line)])
        except CondorMiniError as error:
            self._missing(error.message.partition("\n")[0])
        except Exception as error:  # noqa: BLE001 (no failure may end the recording)
            self._missing(f"{type(error).__name__}: {error}")

    def _unread(self, lines: Iterable[LogLine]) -> Iterator[LogLine]:
        """Yield the lines that were not read before, and count them."""
        before, at_once = dict(self._read), dict.fromkeys(self._read, 0)
        for line in lines:
            last, count = before.get(line.node, (self._began, 0))
            if line.time < last:
                continue
            if line.time == last and at_once.get(line.node, 0) < count:
                at_once[line.node] += 1
                continue
            latest, number = self._read.get(line.node, (self._began, 0))
            self._read[line.node] = (line.time, number + 1 if line.time == latest else 1)
            yield line

    def _since(self) -> datetime:
        return min((time for time, _ in self._read.values()), default=self._began)

    def _missing(self, why: str) -> None:
        if not self._failed:
            self._failed = True
            self._note(f"the logs of {self._pool.name}: cannot be followed: {why}", "begin")

    def _is_read(self) -> None:
        if self._failed:
            self._failed = False
            self._note(f"the logs of {self._pool.name}: are followed again", "end")

    def _note(self, text: str, phase: str) -> None:
        now = datetime.now(UTC)
        data = {"phase": phase, "what": f"the logs of {self._pool.name}", "since": stamp(now)}
        self._add([TimelineEntry(time=now, kind=EntryKind.MISSING, text=text, data=data)])


def _entry(line: LogLine) -> TimelineEntry:
    return TimelineEntry(
        time=line.time,
        kind=EntryKind.LOG,
        node=line.node,
        text=line.text,
        data={"daemon": line.daemon, "role": line.role},
    )
