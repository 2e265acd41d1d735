"""The table of contents follows docs/index.md."""

from __future__ import annotations

import re

from website.contents import with_contents
from website.links import DOCS, ROOT

INDEX = """\
# Title

[About](about.md)

## Tutorials: learn it

- [One](tutorials/one.md#first), and [again](tutorials/one.md)
- [Two](tutorials/two.md)

## Decisions: why it is so

1. [First](decisions/0001-first.md)
"""


def tables(text: str) -> dict[str, list[str]]:
    """Return the pages of each table of contents, by its caption."""
    found = re.findall(r"```\{toctree\}\n:hidden:\n:caption: (.+)\n\n((?:.+\n)*)```", text)
    return {caption: pages.split() for caption, pages in found}


def test_sections_become_tables() -> None:
    """Each section is a table of its pages, each page once; decisions are not in the sidebar."""
    text = with_contents(INDEX, {})
    assert text.startswith(INDEX)
    assert tables(text) == {"Tutorials": ["tutorials/one", "tutorials/two"]}


def test_added_pages() -> None:
    """Pages that the site has besides come last in their section, or in one of their own."""
    text = with_contents(INDEX, {"Tutorials": ["tutorials/made"], "Project": ["project/README"]})
    assert tables(text) == {
        "Tutorials": ["tutorials/one", "tutorials/two", "tutorials/made"],
        "Project": ["project/README"],
    }


def test_every_page_is_in_a_table() -> None:
    """No page of docs is forgotten, but for the decisions."""
    index = (ROOT / "docs/index.md").read_text("utf-8")
    listed = {page for pages in tables(with_contents(index, {})).values() for page in pages}
    pages = [path.relative_to(ROOT / DOCS) for path in (ROOT / DOCS).rglob("*.md")]
    expected = {str(page.with_suffix("")) for page in pages if page.parts[0] != "decisions"}
    assert listed == expected - {"index"}
