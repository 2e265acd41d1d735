"""Links between the pages lead somewhere, and the index knows every page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.docs.pages import DOCS, README, ROOT, name_of

if TYPE_CHECKING:
    from pathlib import Path

PAGES = (README, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted(DOCS.rglob("*.md")))
MOST_LINES = 130
FENCED = re.compile(r"(?ms)^```.*?^```$")
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
NAMED = re.compile(r"\bdocs/[\w./-]+\.(?:md|json|svg)\b")
NAMING = (ROOT / "src", ROOT / "tests", ROOT / "bench")
HEADING = re.compile(r"(?m)^#+ (.+)$")


def prose(page: Path) -> str:
    """A page's text without its examples."""
    return FENCED.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """What a link can name of a page's headings, as GitHub makes it."""
    found: set[str] = set()
    for heading in HEADING.findall(prose(page)):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return found


def targets(page: Path) -> list[str]:
    """The links of a page to files of the repository and to headings."""
    found = [first or second for first, second in LINK.findall(prose(page))]
    return [link for link in found if "://" not in link]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link names a file that is there, and a heading that is in it."""
    missing = []
    for link in targets(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    assert missing == []


def test_pages_link_to_each_other() -> None:
    """Links are found on the pages."""
    assert sum(len(targets(page)) for page in PAGES) > 100


def test_index_lists_every_page() -> None:
    """docs/index.md has a link to each page below docs."""
    index = DOCS / "index.md"
    listed = {(DOCS / link.partition("#")[0]).resolve() for link in targets(index)}
    assert sorted(set(DOCS.rglob("*.md")) - listed - {index}) == []


def test_pages_that_the_code_names_are_there() -> None:
    """Each page that a message, a comment or a docstring names is where they say."""
    missing = set()
    for path in (path for folder in NAMING for path in folder.rglob("*") if path.is_file()):
        if "__pycache__" not in path.parts:
            found = NAMED.findall(path.read_text("utf-8", errors="ignore"))
            missing |= {(name_of(path), name) for name in found if not (ROOT / name).exists()}
    assert missing == set()


def test_readme_is_short() -> None:
    """README can be read in two minutes."""
    assert len(README.read_text("utf-8").splitlines()) <= MOST_LINES
