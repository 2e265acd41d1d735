"""The end of what a job wrote, and where on this machine all of it is."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from condor_mini.jobs.job_ads import path_of

if TYPE_CHECKING:
    from condor_mini.jobs.job_ads import JobAd, Written
    from condor_mini.jobs.tracking import Submission

MOST_LINES = 20
MOST_BYTES = 4096
_TAIL = 'stat --format %s -- "$1" && tail --bytes "$2" -- "$1"'
"""Prints the size of a file in a line of its own, and then the end of the file."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The end of a file."""

    name: str
    """Path of the file on this machine, or in the pool if this machine does not have it."""
    size_bytes: int
    """Size of the file; 0 if there is none."""
    text: str
    """The last lines of the file: at most ``MOST_LINES``, from its last ``MOST_BYTES``."""
    is_whole: bool
    """Whether ``text`` is all of the file."""


def preview(submission: Submission, ad: JobAd, attribute: Written) -> Preview | None:
    """Return the end of a file that a job's ad names; None if it names none."""
    path = path_of(ad, attribute)
    if path is None:
        return None
    size, end = _end_of(submission, path)
    lines = end.splitlines(keepends=True)
    if size > MOST_BYTES and len(lines) > 1:
        del lines[0]  # it may have lost its beginning
    return Preview(
        name=place(submission, path),
        size_bytes=size,
        text="".join(lines[-MOST_LINES:]),
        is_whole=size <= MOST_BYTES and len(lines) <= MOST_LINES,
    )


def place(submission: Submission, path: str) -> str:
    """Return where a file of the access point is on this machine; the path itself if nowhere."""
    directories = dict(submission.mounted)
    if submission.staging is not None and submission.staging.source is not None:
        directories[submission.staging.path] = submission.staging.source
    for there, here in directories.items():
        if PurePosixPath(path).is_relative_to(there):
            return posixpath.join(here, posixpath.relpath(path, there))
    return path


def _end_of(submission: Submission, path: str) -> tuple[int, str]:
    """Return the size of a file, and its last ``MOST_BYTES``; (0, empty) if there is none."""
    if submission.staging is not None and submission.staging.is_removed:
        return submission.staging.read_fetched(path, MOST_BYTES)
    result = submission.runner.exec(["sh", "-c", _TAIL, "sh", path, str(MOST_BYTES)])
    size, _, end = result.stdout.partition("\n")
    return (int(size), end) if result.returncode == 0 else (0, "")
