"""A learner's directory: the files of one lesson, and what has come of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from condor_mini.base.errors import NotFound, StateError
from condor_mini.base.tree import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.pool import Pool

MARK = ".condor-mini-lesson"
"""The file that says which lesson a directory is of, and which steps were seen to be done."""
MOST_BYTES = 4 * 1024**2
"""So much of a file is read: a job may have written anything."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """The directory of a lesson."""

    directory: Path
    lesson: str
    """Name of the lesson."""
    seen: tuple[str, ...] = ()
    """Titles of the steps that were seen to be done and whose evidence passes."""
    pool_name: str = "mini"
    engine: str | None = None
    """Name of the engine. None for the first that answers."""

    @classmethod
    def find(cls, directory: Path) -> Self | None:
        """Return the work in a directory; None if no lesson was started there.

        Raises:
            StateError: The file that says it is damaged or cannot be read.
        """
        try:
            facts = json.loads((directory / MARK).read_text("utf-8"))
            lesson, seen = str(facts["lesson"]), tuple(map(str, facts["seen"]))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StateError(
                f"{directory / MARK} is damaged: {error}",
                hint="Start the lesson in another directory: condor-mini lesson start NAME DIR",
            ) from None
        return cls(directory=directory, lesson=lesson, seen=seen)

    def texts(self, pattern: str) -> list[str]:
        """Return the beginning of each file with such a name, in the order of the names."""
        found = []
        for path in sorted(self.directory.glob(pattern)):
            if path.is_file():
                with path.open("rb") as file:
                    found.append(file.read(MOST_BYTES).decode(errors="replace"))
        return found

    def pool(self, name: str | None = None) -> Pool:
        """Return a pool on the learner's engine; raises what ``Pool.open`` raises."""
        from condor_mini.pool import Pool

        return Pool.open(name or self.pool_name, engine=self.engine)

    def remember(self, seen: tuple[str, ...]) -> None:
        """Record the steps that were seen to be done."""
        with replacing(self.directory / MARK) as new:
            new.write_text(record(self.lesson, seen), "utf-8")


def record(lesson: str, seen: tuple[str, ...] = ()) -> str:
    """Return the text of the file that says which lesson a directory is of."""
    return json.dumps({"lesson": lesson, "seen": seen}) + "\n"


def no_lesson(directory: Path, lesson: str | None) -> NotFound:
    """Return the error for a directory in which no lesson, or not this one, was started."""
    return NotFound(
        f"{f'the lesson {lesson}' if lesson else 'no lesson'} was {'not ' if lesson else ''}"
        f"started in {directory}",
        hint=f"Start it: condor-mini lesson start {lesson or 'NAME'}. "
        "Or change to its directory, and check there",
    )
