"""A container's log: the lines that its shim wrote, each after the time of writing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOG = "log"
PAUSE_S = 0.05
"""Pause between two looks at a log that is followed, in seconds."""


def read_log(place: Path, *, tail: int | None, since: datetime | None, timestamps: bool) -> str:
    """Return the lines of a log that are asked for."""
    try:
        raw = (place / LOG).read_bytes()
    except FileNotFoundError:
        return ""
    lines = _select(raw.split(b"\n")[:-1], tail=tail, since=since)
    return "".join(f"{_format(line, timestamps=timestamps)}\n" for line in lines)


class FollowedLog(Iterator[str]):
    """The lines of a log, and then each new one, until the container has ended."""

    def __init__(
        self,
        place: Path,
        has_ended: Callable[[], bool],
        *,
        tail: int | None,
        since: datetime | None,
        timestamps: bool,
    ) -> None:
        self._path = place / LOG
        self._has_ended = has_ended
        self._since = since
        self._timestamps = timestamps
        self._stopped = threading.Event()
        self._offset = 0
        self._waiting = _select(self._new_lines(), tail=tail, since=since)

    def __next__(self) -> str:
        while not self._waiting and not self._stopped.is_set():
            ended = self._has_ended()  # asked first: nothing is written after the end
            self._waiting = _select(self._new_lines(), tail=None, since=self._since)
            if not self._waiting and (ended or self._stopped.wait(PAUSE_S)):
                raise StopIteration
        if self._stopped.is_set():
            raise StopIteration
        return _format(self._waiting.pop(0), timestamps=self._timestamps)

    def stop(self) -> None:
        """End the iteration, wherever it is."""
        self._stopped.set()

    def _new_lines(self) -> list[bytes]:
        try:
            with self._path.open("rb") as log:
                log.seek(self._offset)
                whole = log.read().rpartition(b"\n")[0:2]
        except FileNotFoundError:
            return []
        new = b"".join(whole)
        self._offset += len(new)
        return new.split(b"\n")[:-1]


def _select(lines: list[bytes], *, tail: int | None, since: datetime | None) -> list[bytes]:
    if since is not None:
        lines = [line for line in lines if float(line.partition(b" ")[0]) >= since.timestamp()]
    return lines if tail is None else lines[len(lines) - min(tail, len(lines)) :]


def _format(line: bytes, *, timestamps: bool) -> str:
    stamp, _, words = line.partition(b" ")
    text = words.decode("utf-8", errors="replace")
    if not timestamps:
        return text
    seconds, _, fraction = stamp.decode().partition(".")
    moment = datetime.fromtimestamp(int(seconds), tz=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction.ljust(9, '0')}Z {text}"
