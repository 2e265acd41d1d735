"""reStructuredText, which Sphinx' directives are written in."""

from __future__ import annotations

import re
import textwrap

_MEANS_SOMETHING = re.compile(r"([\\*`|_<>])")


def plain(text: str) -> str:
    """Return text of which no character means something to reStructuredText."""
    return _MEANS_SOMETHING.sub(r"\\\1", text)


def heading(text: str, line: str = "=") -> str:
    """Return a heading; ``line`` is the character below it, which is its level."""
    return f"{text}\n{line * len(text)}\n"


def directive(name: str, argument: str = "", body: str = "", options: tuple[str, ...] = ()) -> str:
    """Return a directive.

    Args:
        name: Its name: ``option``.
        argument: What stands behind the name.
        body: Its text, at the left margin.
        options: Its options: ``:members:``.
    """
    inside = "\n".join([*options, "", body])
    return (
        f".. {name}:: {argument}".rstrip() + "\n" + textwrap.indent(inside, "   ").rstrip() + "\n"
    )
