"""The script of a recording: what is typed, and what is run before and after it.

The first line is the title. ``$ COMMAND`` is typed at the prompt and must succeed, and
``5$ COMMAND`` must end with 5. ``> TEXT`` is typed into the shell that the command before it gives.
``- COMMAND`` is run before the recording begins, and ``+ COMMAND`` when it has ended, whatever
happened; neither is seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

_LINE = re.compile(r"(?:(?P<status>\d*)(?P<typed>\$)|(?P<other>[>+-])) (?P<text>.+)")


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command that is typed, and what is typed into the shell that it gives."""

    command: str
    status: int = 0
    """Status that it must end with."""
    inside: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Script:
    """What is recorded."""

    name: str
    title: str
    before: tuple[str, ...]
    steps: tuple[Step, ...]
    after: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a script.

        Raises:
            ValueError: A line is no step; says which.
        """
        title, *lines = path.read_text("utf-8").splitlines()
        hidden: dict[str, list[str]] = {"-": [], "+": []}
        steps: list[Step] = []
        for number, line in enumerate(lines, 2):
            match = _LINE.fullmatch(line)
            if match is None or (match["other"] == ">" and not steps):
                raise ValueError(f"{path}:{number}: this is no step of a recording: {line}")
            if match["typed"]:
                steps.append(Step(command=match["text"], status=int(match["status"] or 0)))
            elif match["other"] == ">":
                last = steps.pop()
                inside = (*last.inside, match["text"])
                steps.append(Step(command=last.command, status=last.status, inside=inside))
            else:
                hidden[match["other"]].append(match["text"])
        return cls(
            name=path.stem,
            title=title,
            before=tuple(hidden["-"]),
            steps=tuple(steps),
            after=tuple(hidden["+"]),
        )
