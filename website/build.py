"""Build the site, or check its links to other hosts."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from website.links import ROOT
from website.recordings import make_recordings
from website.tree import HERE, write_sources

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 1200
RECORDINGS = "_static/recordings"


def build(into: Path, *, recordings: bool) -> int:
    """Build the site, and return the status: 0, or that of Sphinx if it warns of anything.

    Args:
        into: Directory of the site, ``html``, and of what it is made from. Both are emptied first.
        recordings: Whether to make the recordings.

    Raises:
        BrokenLink: A page links to a file that is not in the repository.
        RecordingFailed: A command of a recording has failed.
    """
    if not recordings:
        return _sphinx("html", into, recordings=False)
    # Pools are waited for while Sphinx computes.
    with ThreadPoolExecutor(1) as thread:
        recorded = thread.submit(make_recordings, into / "recordings")
        status = _sphinx("html", into, recordings=True)
        casts = recorded.result()
    if status == 0:
        shutil.copytree(casts, into / "html" / RECORDINGS)
    return status


def check_links(into: Path) -> int:
    """Ask other hosts for the pages that ours link to; return 0 if all are there."""
    return _sphinx("linkcheck", into, recordings=False)


def _sphinx(builder: str, into: Path, *, recordings: bool) -> int:
    """Run Sphinx on new sources. Links within the site are checked whatever is built."""
    for name in ("sources", "doctrees", builder):
        shutil.rmtree(into / name, ignore_errors=True)
    sources = (into / "sources").resolve()
    sources.mkdir(parents=True)
    write_sources(sources, recordings=recordings)
    options = ["-b", builder, "-c", str(HERE), "-d", str(into / "doctrees"), "-j", "auto", "-q"]
    # Warnings are errors, all of which are reported.
    argv = [sys.executable, "-m", "sphinx", *options, "-W", str(sources), str(into / builder)]
    return subprocess.run(argv, cwd=ROOT, check=False, timeout=TIMEOUT_S).returncode
