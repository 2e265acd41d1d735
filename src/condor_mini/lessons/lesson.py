"""``Lesson``: its page and its files, put into a learner's directory, and its steps, checked."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse, StateError
from condor_mini.lessons.work import MARK, record

if TYPE_CHECKING:
    from condor_mini.lessons.checks import Check, Seen
    from condor_mini.lessons.work import Work

PAGE = "LESSON.md"
"""The page's name in a learner's directory."""
_HERE = Path(__file__).parent
_COMMENT = re.compile(r"(?m)^<!-- .*? -->\n")
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]+\)")


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something that a learner does, and the check that it is done."""

    title: str
    """What is so when it is done: ``All ten jobs have ended``."""
    check: Check
    command: str
    """What to type for it."""


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A lesson. Its page has its name, in the folder ``tutorials`` of docs."""

    number: int
    name: str
    title: str
    learns: str
    """What one learns, in a line."""
    minutes: int
    needs: str = ""
    """What it needs besides condor-mini; empty for nothing."""
    files: tuple[str, ...]
    """Its files, below ``examples``."""
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return self.name

    @property
    def page(self) -> Path:
        """The page, as the documentation has it."""
        return shared(f"docs/tutorials/{self.name}.md")

    def to_json(self) -> dict[str, object]:
        """Return the JSON object that docs/reference/json.md describes."""
        return {
            "number": self.number,
            "name": self.name,
            "title": self.title,
            "learns": self.learns,
            "minutes": self.minutes,
            "needs": self.needs or None,
            "steps": [step.title for step in self.steps],
        }

    def start(self, directory: Path) -> list[str]:
        """Put the page and the files into a new directory, or an empty one; return their names.

        Raises:
            AlreadyInUse: There is something in the directory. It stays as it is.
            StateError: The directory cannot be made or written.
        """
        sources = {Path(file).name: shared(f"examples/{file}") for file in self.files}
        try:
            directory.mkdir(parents=True, exist_ok=True)
            if any(directory.iterdir()):
                raise AlreadyInUse(
                    f"{directory} is not empty, and nothing is overwritten",
                    hint=f"Name another directory: condor-mini lesson start {self.name} DIR. "
                    "Or go on with what was begun there: condor-mini lesson check",
                )
            _write(directory / MARK, record(self.name))
            _write(directory / PAGE, for_learners(self.page.read_text("utf-8")))
            for name, source in sources.items():
                _write(directory / name, source.read_text("utf-8"))
                shutil.copymode(source, directory / name)
        except (FileExistsError, NotADirectoryError):
            raise AlreadyInUse(
                f"{directory} is not a directory, and nothing is overwritten",
                hint=f"Name another one: condor-mini lesson start {self.name} DIR",
            ) from None
        except OSError as error:
            raise StateError(f"{directory} cannot be used: {error.strerror or error}") from None
        return [PAGE, *sources]

    def check(self, work: Work) -> LessonReport:
        """Look at each step of a learner's work, and remember those whose evidence passes.

        Raises:
            StateError: The directory cannot be written.
        """
        steps = []
        for step in self.steps:
            seen = step.check.look(work)
            if not seen.is_done and step.title in work.seen:
                seen = replace(seen, is_done=True, text="seen before")
            steps.append(StepReport(step=step, seen=seen))
        passing = tuple(
            one.step.title for one in steps if one.seen.is_done and one.step.check.passes
        )
        if passing != work.seen:
            try:
                work.remember(passing)
            except OSError as error:
                reason = error.strerror or error
                raise StateError(f"{work.directory} cannot be written: {reason}") from None
        return LessonReport(lesson=self, directory=work.directory, steps=tuple(steps))


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """A step, and what the look at it has shown."""

    step: Step
    seen: Seen


@dataclass(frozen=True, kw_only=True)
class LessonReport:
    """How far a learner is."""

    lesson: Lesson
    directory: Path
    steps: tuple[StepReport, ...]

    @property
    def next(self) -> Step | None:
        """The first step that is not done."""
        return next((one.step for one in self.steps if not one.seen.is_done), None)

    @property
    def is_done(self) -> bool:
        """Whether all steps are done."""
        return self.next is None

    def to_json(self) -> dict[str, object]:
        """Return the JSON object that docs/reference/json.md describes."""
        return {
            "lesson": self.lesson.name,
            "number": self.lesson.number,
            "directory": str(self.directory),
            "done": self.is_done,
            "next": self.next.command if self.next else None,
            "steps": [
                {"title": one.step.title, "done": one.seen.is_done, "seen": one.seen.text}
                for one in self.steps
            ],
        }


def shared(path: str) -> Path:
    """Return a file that is in one place of the clone, and beside this module in the wheel.

    Args:
        path: Its path in the clone, below ``docs/tutorials`` or ``examples``.
    """
    in_wheel = _HERE / "shared" / path
    return in_wheel if in_wheel.exists() else _HERE.parents[2] / path


def for_learners(page: str) -> str:
    """Return a page as it is read outside the documentation: what only tests and links need goes.

    Args:
        page: Markdown, with comments above the examples and links to other pages.
    """
    return _LINK.sub(r"\1", _COMMENT.sub("", page))


def _write(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
