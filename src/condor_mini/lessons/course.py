"""All lessons of a learner: found by name, and checked."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from condor_mini.base.errors import NotFound
from condor_mini.lessons.catalogue import LESSONS
from condor_mini.lessons.work import Work, no_lesson

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.lessons.lesson import Lesson, LessonReport


def lesson_named(name: str) -> Lesson:
    """Return the lesson of that name or number.

    Raises:
        NotFound: There is no such lesson.
    """
    by_number = {str(lesson.number): lesson for lesson in LESSONS.values()}
    found = LESSONS.get(name) or by_number.get(name)
    if found is not None:
        return found
    likely = get_close_matches(name, LESSONS, n=1)
    suggestion = f"; did you mean {likely[0]}?" if likely else ""
    raise NotFound(
        f"there is no lesson {name}{suggestion}", hint="See all: condor-mini lesson list"
    )


def check_all(
    directory: Path, name: str | None = None, *, pool: str = "mini", engine: str | None = None
) -> list[LessonReport]:
    """Return how far a learner is: with the lesson in a directory, else with those below it.

    Args:
        directory: The directory.
        name: Only this lesson.
        pool: Name of the learner's pool.
        engine: Name of the engine. None for the first that answers.

    Raises:
        NotFound: No lesson, or not this one, was started there; or there is no such lesson.
        StateError: A directory is damaged or cannot be written.
    """
    wanted = lesson_named(name).name if name else None
    here = Work.find(directory)
    found = [here] if here else _below(directory)
    works = [work for work in found if wanted in (None, work.lesson)]
    if not works:
        raise no_lesson(directory, wanted)
    return [
        lesson_named(work.lesson).check(replace(work, pool_name=pool, engine=engine))
        for work in works
    ]


def _below(directory: Path) -> list[Work]:
    """Return the lessons that were started in the directories of a directory, in their order."""
    found = [Work.find(path) for path in sorted(directory.iterdir()) if path.is_dir()]
    works = [work for work in found if work is not None]
    return sorted(works, key=lambda work: lesson_named(work.lesson).number)
