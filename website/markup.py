"""What a page of docs has for readers on a git host, as the site shows it."""

from __future__ import annotations

import re

from website.links import outside_examples

_PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">\s*'
    r'<img alt="(?P<alt>[^"]*)" src="(?P<light>[^"]+)">\s*</picture>'
)
_RECORDING = re.compile(r"^<!-- recording: (?P<name>[a-z-]+) -->$")
_COMMENT = re.compile(r"^<!-- .* -->$")
_PLAYER = """\
<figure class="recording" data-recording="{name}">\
<noscript>A recording of these commands is here; it needs JavaScript.</noscript></figure>
"""


def two_pictures(text: str) -> str:
    """Replace each picture with a light and a dark source by two, of which the theme shows one.

    A browser chooses the source by the system's setting; the site has a button besides.
    """
    return _PICTURE.sub(
        r"![\g<alt>](\g<light>){.only-light} ![\g<alt>](\g<dark>){.only-dark}", text
    )


def without_comments(text: str, *, recordings: bool) -> str:
    """Replace comments: that of a recording by its player, others by an empty line.

    Args:
        text: The page, in Markdown.
        recordings: Whether the site has recordings.
    """

    def change(line: str) -> str:
        if found := _RECORDING.match(line):
            return _PLAYER.format(name=found["name"]) if recordings else ""
        return "" if _COMMENT.match(line) else line

    return outside_examples(text, change)


def named_recordings(text: str) -> list[str]:
    """Return the names of the recordings that a page shows."""
    return [found["name"] for line in text.splitlines() if (found := _RECORDING.match(line))]
