"""The log of a fake container; another thread can wait for more of it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, kw_only=True)
class _Line:
    text: str
    """With its end, unless that is not written yet."""
    time: datetime
    """When it was started."""

    @property
    def is_whole(self) -> bool:
        return self.text.endswith("\n")


@dataclass(frozen=True, kw_only=True)
class LogChoice:
    """Which lines of a log are wanted, and how."""

    tail: int | None
    since: datetime | None
    timestamps: bool

    def begin(self, count: int) -> int:
        """Return the number of the first of so many lines."""
        return 0 if self.tail is None else max(0, count - self.tail)

    def has(self, line: _Line) -> bool:
        """Return whether a line is wanted."""
        return self.since is None or line.time >= self.since

    def shown(self, line: _Line) -> str:
        """Return a line as it is wanted."""
        if not self.timestamps:
            return line.text
        # To the nanosecond, as engines give it; our clock has no more than microseconds.
        return f"{line.time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z {line.text}"


class FakeLog:
    """The log of one container, which is open while the container runs."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lines: list[_Line] = []
        self._is_open = False
        self._changed = threading.Condition()

    def open(self) -> None:
        """Let more lines come from now on."""
        with self._changed:
            self._is_open = True

    def close(self) -> None:
        """Let no more lines come: whoever follows the log is done."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()

    def write(self, text: str) -> None:
        """Add to the last line if it has no end yet; start further lines."""
        with self._changed:
            begun = self._lines.pop() if self._lines and not self._lines[-1].is_whole else None
            first, *others = _LINE.findall((begun.text if begun else "") + text) or [""]
            now = self._clock()
            if first:
                self._lines.append(_Line(text=first, time=begun.time if begun else now))
            self._lines += [_Line(text=other, time=now) for other in others]
            self._changed.notify_all()

    def read(self, choice: LogChoice) -> str:
        """Return what is in it now."""
        with self._changed:
            lines = self._lines[choice.begin(len(self)) : len(self)]
        return "".join(choice.shown(line) for line in lines if choice.has(line))

    @contextmanager
    def follow(self, choice: LogChoice) -> Iterator[Iterator[str]]:
        """Yield the lines that are in it, and those that come until it is closed."""
        lines = _FollowedLog(self, choice)
        try:
            yield lines
        finally:
            lines.end()

    def wait(self, number: int, is_wanted: Callable[[], bool]) -> _Line | None:
        """Wait for the line with that number; return None if it does not come."""
        with self._changed:
            while is_wanted():
                if number < len(self):
                    return self._lines[number]
                if not self._is_open:
                    return None
                self._changed.wait()
            return None

    def wake(self) -> None:
        """Let all who wait ask again whether their line is still wanted."""
        with self._changed:
            self._changed.notify_all()

    def __len__(self) -> int:
        """Return how many lines can be read: an unfinished one only if no more can come."""
        with self._changed:
            is_begun = bool(self._lines) and not self._lines[-1].is_whole
            return len(self._lines) - (is_begun and self._is_open)


class _FollowedLog(Iterator[str]):
    def __init__(self, log: FakeLog, choice: LogChoice) -> None:
        self._log = log
        self._choice = choice
        self._number = choice.begin(len(log))
        self._is_wanted = True

    def __next__(self) -> str:
        while (line := self._log.wait(self._number, lambda: self._is_wanted)) is not None:
            self._number += 1
            if self._choice.has(line):
                return self._choice.shown(line).removesuffix("\n")
        raise StopIteration

    def end(self) -> None:
        self._is_wanted = False
        self._log.wake()
