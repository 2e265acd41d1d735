"""The directory of a recording: lines as they come, and the timeline that is made of them."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from condor_mini.base.errors import NotFound, StateError, UsageError
from condor_mini.base.tree import replacing
from condor_mini.records.order import in_order

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from condor_mini.records.entry import TimelineEntry

TIMELINE = "timeline.jsonl"
UNORDERED = "unordered.jsonl"
"""The lines as they come. It is removed once the timeline is complete."""


class Store:
    """A new directory that a recording writes to. Several threads may add entries."""

    def __init__(self, directory: Path, counts: Counter[str]) -> None:
        """Create the directory, or take an empty one.

        Args:
            directory: A new directory, or an empty one.
            counts: Receives the number of entries of each kind.

        Raises:
            UsageError: There are files in it.
            StateError: It cannot be created or written.
        """
        self.directory = directory
        self._counts = counts
        self._is_closed = False
        self.failed = threading.Event()
        """Whether an entry could not be written."""
        self._failure = ""
        self._writing = threading.Lock()
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            is_used = any(directory.iterdir())
            if not is_used:
                self._file = (directory / UNORDERED).open("x", encoding="utf-8", errors="replace")
        except OSError as error:
            raise StateError(f"{directory} cannot be used: {error.strerror or error}") from None
        if is_used:
            raise UsageError(
                f"{directory} is not empty, and nothing is overwritten",
                hint="Name a new directory, or an empty one",
            )

    def discard(self) -> None:
        """Remove what was written, and leave the directory empty."""
        self._close()
        self._counts.clear()
        (self.directory / UNORDERED).unlink(missing_ok=True)

    def add(self, entries: Iterable[TimelineEntry]) -> None:
        """Write entries. If that fails, ``failed`` is set, and ``finish`` raises why."""
        with self._writing:
            if self._is_closed:  # a thread that hung at the end of the recording
                return
            for entry in entries:
                self._counts[entry.kind] += 1
                self._write(entry.line())
            self._write("")

    def finish(self) -> None:
        """Make the timeline.

        Raises:
            StateError: An entry, or the timeline, could not be written. What was written stays.
        """
        self._close()
        try:
            with (
                replacing(self.directory / TIMELINE) as new,
                (self.directory / UNORDERED).open(encoding="utf-8", errors="replace") as lines,
                new.open("x", encoding="utf-8") as file,
            ):
                file.writelines(in_order(lines, self.directory))
            (self.directory / UNORDERED).unlink()
        except OSError as error:
            self._failure = self._failure or error.strerror or str(error)
        if self._failure:
            raise StateError(f"{self.directory} cannot be written: {self._failure}")

    def _close(self) -> None:
        with self._writing, suppress(OSError):  # it was said before
            self._is_closed = True
            self._file.close()

    def _write(self, text: str) -> None:
        try:
            self._file.write(text)
            if not text:
                self._file.flush()
        except OSError as error:
            self._failure = self._failure or error.strerror or str(error)
            self.failed.set()


def is_complete(directory: Path) -> bool:
    """Return whether the recording came to its end."""
    return (directory / TIMELINE).is_file()


def lines(directory: Path) -> Iterator[str]:
    """Yield the lines of a timeline in order, also of a recording that is under way or was killed.

    Raises:
        NotFound: There is no recording in that directory.
        StateError: It cannot be read.
    """
    name = TIMELINE if is_complete(directory) else UNORDERED
    try:
        with (directory / name).open(encoding="utf-8", errors="replace") as found:
            yield from found if name == TIMELINE else in_order(found)
    except FileNotFoundError:
        raise NotFound(
            f"there is no recording in {directory}",
            hint=f"Make one: condor-mini record {directory}",
        ) from None
    except OSError as error:
        raise StateError(f"{directory} cannot be read: {error.strerror or error}") from None
