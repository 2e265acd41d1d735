"""A thread that looks at something again and again, and says when it cannot."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.signals import start_thread
from condor_mini.records.entry import EntryKind, TimelineEntry, stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

INTERVAL_S = 2.0
"""From one look to the next, in seconds."""
LONGEST_REASON = 300
SHARE = 4
"""The pause is at least so many times as long as a look took: of a large queue, for example."""


class Source(Protocol):
    """Something that is looked at."""

    what: str
    """In words: ``the slots of ci``."""
    node: str | None
    """The node that it is of, if it is of one."""

    def look(self, add: Callable[[Iterable[TimelineEntry]], None]) -> None:
        """Look once, and add what is new.

        Raises:
            CondorMiniError: It cannot be seen.
        """


def pause_s(took_s: float, *, is_seen: bool) -> float:
    """Return how long to pause after a look, in seconds.

    Args:
        took_s: How long the look took.
        is_seen: Whether it succeeded. If not, it has cost nothing but time.
    """
    return max(INTERVAL_S - took_s, SHARE * took_s) if is_seen else INTERVAL_S


class Looker:
    """Looks at a source until it is told to end, and then once more."""

    def __init__(
        self,
        source: Source,
        add: Callable[[Iterable[TimelineEntry]], None],
    ) -> None:
        self._source = source
        self._add = add
        self._ending = threading.Event()
        self._since: datetime | None = None
        """When the source was seen for the last time, if it cannot be seen now."""
        self._seen = datetime.now(UTC)
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Look for the first time, and start the thread for the others."""
        if self._ending.is_set():
            return
        self._look()
        start_thread(self._thread)

    def end(self) -> None:
        """Have it look once more, and end; does not wait."""
        self._ending.set()

    def join(self, timeout_s: float) -> None:
        """Wait until it has ended. What hangs is left behind, and said to be missing."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._missing("it has not answered at the end of the recording")

    def _work(self) -> None:
        while not self._ending.is_set():
            began = time.monotonic()
            is_seen = self._look()
            took_s = time.monotonic() - began
            self._ending.wait(pause_s(took_s, is_seen=is_seen))
        self._look()

    def _look(self) -> bool:
        """Look once; return whether that succeeded."""
        try:
            self._source.look(self._add)
        except CondorMiniError as error:
            self._missing(error.message)
        except Exception as error:  # noqa: BLE001 (no failure may end the other sources)
            self._missing(f"{type(error).__name__}: {error}")
        else:
            self._is_seen()
            return True
        return False

    def _missing(self, why: str) -> None:
        if self._since is not None:
            return
        self._since = self._seen
        shown = " ".join(why.split())[:LONGEST_REASON]
        self._add([self._entry(f"{self._source.what}: cannot be read: {shown}", "begin")])

    def _is_seen(self) -> None:
        if self._since is not None:
            since, self._since = stamp(self._since), None
            self._add([self._entry(f"{self._source.what}: can be read again", "end", since)])
        self._seen = datetime.now(UTC)

    def _entry(self, text: str, phase: str, since: str | None = None) -> TimelineEntry:
        since = since or (stamp(self._since) if self._since else None)
        return TimelineEntry(
            time=datetime.now(UTC),
            kind=EntryKind.MISSING,
            node=self._source.node,
            text=text,
            data={"phase": phase, "what": self._source.what, "since": since},
        )
