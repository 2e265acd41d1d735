"""The site's table of contents: the sections of docs/index.md, and the links in each."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNLISTED = "decisions"
"""The folder whose pages are found on the index alone: in the sidebar they would be the most."""
_SECTION = re.compile(r"(?m)^## ")
_LINK = re.compile(r"\]\(([^)\s#]+)\)")


def with_contents(index: str, added: Mapping[str, Sequence[str]]) -> str:
    """Return the index with a table of contents for each of its sections, which the sidebar shows.

    A section ``## Reference: look it up`` becomes the caption ``Reference``.

    Args:
        index: docs/index.md, whose links are those of the site.
        added: For a caption, the pages that the site has besides those of the index.
    """
    head, *sections = _SECTION.split(index)
    listed = {_caption(section): _pages(section) for section in sections}
    captions = dict.fromkeys([*listed, *added])
    pages = {caption: [*listed.get(caption, ()), *added.get(caption, ())] for caption in captions}
    tables = [_table(caption, found) for caption, found in pages.items() if found]
    return "\n".join(["## ".join([head, *sections]), *tables])


def _caption(section: str) -> str:
    return section.splitlines()[0].partition(":")[0]


def _pages(section: str) -> tuple[str, ...]:
    """Each page once, in the order of the links."""
    links = [PurePosixPath(link) for link in _LINK.findall(section)]
    pages = [link for link in links if link.suffix == ".md" and link.parts[0] != UNLISTED]
    return tuple(dict.fromkeys(str(page.with_suffix("")) for page in pages))


def _table(caption: str, pages: Sequence[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""])
