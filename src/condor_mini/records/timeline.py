"""``Timeline``: a recording that was made, as entries, as text and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from condor_mini.base.errors import StateError
from condor_mini.records import store
from condor_mini.records.entry import VERSION, EntryKind, entry_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from os import PathLike

    from condor_mini.records.entry import TimelineEntry

MOST_SHOWN = 5_000
"""Bars, and marks, that a picture has at most."""


class Timeline:
    """A recording in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @classmethod
    def open(cls, directory: str | PathLike[str]) -> Self:
        """Return the recording in a directory, which may still be under way.

        Raises:
            NotFound: There is none.
            StateError: It cannot be read, or is of another version.
        """
        found = cls(Path(directory))
        first = next(found.entries(), None)
        version = first.data.get("version") if first and first.kind is EntryKind.BEGIN else None
        if version != VERSION:
            raise StateError(
                f"the recording in {directory} has the version {version}, and this condor-mini "
                f"reads {VERSION}"
            )
        return found

    @property
    def is_complete(self) -> bool:
        """Whether the recording came to its end."""
        return store.is_complete(self.directory)

    def entries(self, kinds: Collection[str] | None = None) -> Iterator[TimelineEntry]:
        """Yield the entries in order of time.

        Args:
            kinds: The kinds to yield. None for all.

        Raises:
            NotFound: The recording was removed.
            StateError: A line is damaged, or cannot be read.
        """
        for line in store.lines(self.directory):
            entry = entry_of(line)
            if kinds is None or entry.kind in kinds:
                yield entry

    def svg(self) -> str:
        """Return the timeline as a picture, SVG: jobs over machines over time, with the faults.

        Raises:
            NotFound: The recording was removed.
            StateError: A line is damaged, or cannot be read.
        """
        from condor_mini.records.picture import drawn
        from condor_mini.records.stays import Director

        return drawn(Director(most=MOST_SHOWN).show(self.entries()))
