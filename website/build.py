"""Build the site, or check its links to other hosts."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from sphinx.cmd.build import build_main

from website.recordings import make_recordings
from website.tree import HERE, write_sources

if TYPE_CHECKING:
    from pathlib import Path


def build(into: Path, *, recordings: bool) -> int:
    """Build the site, and return the status: 0, or that of Sphinx if it warns of anything.

    Args:
        into: Directory of the site, ``html``, and of what it is made from. It is emptied first.
        recordings: Whether to make the recordings.

    Raises:
        BrokenLink: A page links to a file that is not in the repository.
        RecordingFailed: A command of a recording has failed.
    """
    casts = make_recordings(into / "recordings") if recordings else None
    return _sphinx("html", into, casts)


def check_links(into: Path) -> int:
    """Ask other hosts for the pages that ours link to; return 0 if all are there."""
    return _sphinx("linkcheck", into, None)


def _sphinx(builder: str, into: Path, casts: Path | None) -> int:
    """Run Sphinx on new sources. Links within the site are checked whatever is built."""
    for name in ("sources", "doctrees", builder):
        shutil.rmtree(into / name, ignore_errors=True)
    sources = into / "sources"
    sources.mkdir(parents=True)
    write_sources(sources, casts)
    static = ",".join(str(path) for path in (HERE / "static", sources / "_recordings"))
    options = ["-b", builder, "-c", str(HERE), "-d", str(into / "doctrees"), "-j", "auto", "-q"]
    # Warnings are errors, all of which are reported.
    options += ["-W", "-D", f"html_static_path={static}"]
    return build_main([*options, str(sources.resolve()), str(into / builder)])
