"""The pages of documentation, and the examples on them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = (README, *(page for page in sorted(DOCS.rglob("*.md")) if page.parent.name != "decisions"))
"""All that have examples to type; a decision has none, it tells how things came to be."""
_EXAMPLE = re.compile(
    r"(?ms)^(?:<!-- example: (?P<kind>.*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$"
)


@dataclass(frozen=True, kw_only=True)
class Example:
    """A fenced block, and what the comment above it calls it: who runs it, or why nobody does."""

    page: Path
    line: int
    kind: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[Command]:
        """What stands behind ``$``, and below each of them what it shows."""
        entries = re.split(r"(?m)^\$ ", self.text)[1:]
        return [Command.of(entry) for entry in entries]


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command as it is typed, what is typed into the shell that it gives, and what it shows."""

    script: str
    typed: tuple[str, ...]
    shown: tuple[str, ...]

    @classmethod
    def of(cls, entry: str) -> Command:
        """Of the lines from one ``$`` to the next. ``...`` stands for lines that are left out."""
        script, *lines = entry.splitlines()
        while script.endswith("\\"):
            script += "\n" + lines.pop(0)
        prompt = re.compile(r"^jovyan@[\w-]+:\S*\$ ")
        return cls(
            script=script,
            typed=tuple(prompt.sub("", line) for line in lines if prompt.match(line)),
            shown=tuple(
                line for line in lines if line and line != "..." and not prompt.match(line)
            ),
        )


def examples(*pages: Path) -> list[Example]:
    """The fenced blocks of these pages, of all pages if none is named, in order."""
    return [example for page in pages or PAGES for example in _on(page)]


def _on(page: Path) -> Iterator[Example]:
    text = page.read_text("utf-8")
    for match in _EXAMPLE.finditer(text):
        yield Example(
            page=page,
            line=text.count("\n", 0, match.start()) + 1,
            kind=match["kind"] or "",
            language=match["language"],
            text=match["text"],
        )


def scenarios(kind: str) -> list[Path]:
    """The pages with examples of that kind: those of one page are run one after the other."""
    return list(dict.fromkeys(example.page for example in examples() if example.kind == kind))


def of_kind(kind: str, page: Path) -> list[Example]:
    """A page's examples of that kind, in order."""
    return [example for example in examples(page) if example.kind == kind]


def name_of(page: Path) -> str:
    """A page as the tests' names show it."""
    return page.relative_to(ROOT).as_posix()
