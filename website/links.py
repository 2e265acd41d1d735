"""Where the files of the repository are in the site, and the links between its pages."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
DOCS = PurePosixPath("docs")
PROJECT = PurePosixPath("project")
"""Where pages and files are that are not below docs."""
FILES = PROJECT / "files"
_LINK = re.compile(r"(?P<before>\]\()(?P<link>[^)\s]+)(?P<after>\))")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")


class BrokenLink(Exception):
    """A page has a link to a file that is not in the repository."""


def place(path: PurePosixPath) -> PurePosixPath:
    """Return where a file or a directory of the repository is in the site's sources.

    Files that are not pages get a page that shows them.
    """
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS)
    if path.suffix == ".md":
        return PROJECT / path
    if (ROOT / path).is_dir():
        return FILES / path / "index.md"
    return FILES / path.parent / f"{path.name}.md"


def rewritten(text: str, page: PurePosixPath) -> tuple[str, set[PurePosixPath]]:
    """Return a page whose links lead to where their targets are in the site, and the targets.

    Args:
        text: The page, in Markdown.
        page: Its path in the repository.

    Raises:
        BrokenLink: The target of a link does not exist, or is outside the repository.
    """
    targets: set[PurePosixPath] = set()

    def rewrite(match: re.Match[str]) -> str:
        link, hash_mark, anchor = match["link"].partition("#")
        if not link or "://" in link or link.startswith("mailto:"):
            return match[0]
        target = PurePosixPath(os.path.normpath(page.parent / link))
        if target.is_absolute() or ".." in target.parts or not (ROOT / target).exists():
            raise BrokenLink(f"{page}: {link} is not in the repository")
        targets.add(target)
        there = os.path.relpath(place(target), place(page).parent)
        return f"{match['before']}{there}{hash_mark}{anchor}{match['after']}"

    return outside_examples(text, lambda line: _LINK.sub(rewrite, line)), targets


def outside_examples(text: str, change: Callable[[str], str]) -> str:
    """Change the lines of a page that are in no fenced block."""
    lines = []
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if fence:
            if mark and line.strip() == fence:
                fence = ""
        elif mark:
            fence = mark[1]
        else:
            line = change(line)
        lines.append(line)
    return "\n".join(lines) + "\n"
