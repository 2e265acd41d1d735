"""What is printed of jobs: a line for each, failures first, and the outputs of few small ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from condor_mini.jobs.job_ads import COMPLETED, HELD, REMOVED, counts
from condor_mini.jobs.missing_programs import advice
from condor_mini.jobs.previews import preview

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from condor_mini.jobs.job_ads import JobAd
    from condor_mini.jobs.previews import Preview
    from condor_mini.jobs.tracking import Submission

    Job = tuple[Submission, JobAd]

MOST_JOBS = 10
"""Number of failed jobs, and of others, that have a line of their own."""
INDENT = "  "


def show(submissions: Sequence[Submission], *, with_log: bool) -> None:
    """Print a line for each job, what it wrote if that is short, and what has not ended.

    Args:
        submissions: Submissions whose files have been fetched.
        with_log: Also print the events of the jobs.
    """
    jobs = [(submission, ad) for submission in submissions for ad in submission.jobs()]
    failed = [job for job in jobs if _has_failed(job[1])]
    good = [
        (submission, ad)
        for submission, ad in jobs
        if ad["JobStatus"] == COMPLETED and not _has_failed(ad)
    ]
    _show_each(failed[:MOST_JOBS])
    if len(failed) > MOST_JOBS:
        click.echo(f"{len(failed) - MOST_JOBS} more jobs failed")
    if len(good) <= MOST_JOBS:
        _show_each(good)
    else:
        click.echo(f"{len(good)} jobs  exit 0")
    unended = [ad for _, ad in jobs if ad["JobStatus"] not in (COMPLETED, REMOVED, HELD)]
    if unended:
        click.echo(f"Not ended: {counts(unended)}")
    if with_log:
        _show_events(jobs)


def _has_failed(ad: JobAd) -> bool:
    ended_well = not ad.get("ExitBySignal") and ad.get("ExitCode", 0) == 0
    return ad["JobStatus"] in (REMOVED, HELD) or (ad["JobStatus"] == COMPLETED and not ended_well)


def _show_each(jobs: Sequence[Job]) -> None:
    rows = [_row(*job) for job in jobs]
    widths = [max((len(row.cells[i]) for row in rows), default=0) for i in range(3)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row.cells, widths, strict=True))
        click.echo("  ".join([*cells, row.last]).rstrip())
        for line in row.output:
            click.echo(f"{INDENT}{line}")
    for hint in dict.fromkeys(row.advice for row in rows if row.advice):
        click.echo(hint, err=True)


class _Row(NamedTuple):
    cells: tuple[str, str, str]
    """The id, the outcome, and for how long the job had a slot."""
    last: str
    """The output file, or the reason."""
    output: Sequence[str] = ()
    """Lines that the job wrote."""
    advice: str | None = None
    """What to type if the job lacks a program."""


def _row(submission: Submission, ad: JobAd) -> _Row:
    job = f"{ad['ClusterId']}.{ad['ProcId']}"
    took = duration(ad.get("RemoteWallClockTime", 0))
    # The files of a job that has not completed may be those of an earlier one.
    if ad["JobStatus"] == REMOVED:
        return _Row((job, "removed", took), ad.get("RemoveReason", ""))
    if ad["JobStatus"] == HELD:
        return _Row((job, "held", took), ad.get("HoldReason", ""))
    by_signal = ad.get("ExitBySignal")
    outcome = f"signal {ad.get('ExitSignal')}" if by_signal else f"exit {ad.get('ExitCode')}"
    out, err = preview(submission, ad, "Out"), preview(submission, ad, "Err")
    if out and err and out.name == err.name:
        err = None
    output = [*_shown(out), *_shown(err, label="stderr", always=_has_failed(ad))]
    wrote = err or out
    hint = advice(submission.runner, wrote.text) if wrote and _has_failed(ad) else None
    return _Row((job, outcome, took), _named(out), output, hint)


def _shown(written: Preview | None, *, label: str = "", always: bool = False) -> list[str]:
    """Return the lines of a short file; of a longer one only if ``always``, and then the end."""
    if written is None or not (written.is_whole or always):
        return []
    lines = written.text.splitlines()
    if not label or not lines:
        return lines
    which = "" if written.is_whole else "the end of "
    return [f"{label} ({which}{_here(written.name)}):", *(f"{INDENT}{line}" for line in lines)]


def _named(written: Preview | None) -> str:
    from rich.filesize import decimal

    if written is None:
        return ""
    size = "" if written.is_whole else f" ({decimal(written.size_bytes)})"
    return _here(written.name) + size


def _here(path: str) -> str:
    """Return a path as the user would type it: relative if it is below the current directory."""
    below = Path(path).is_relative_to(Path.cwd())
    return os.path.relpath(path) if below else path


def duration(seconds: float) -> str:
    """Return a duration in words: ``< 1 s``, ``12 s``, ``3 min``, ``2.5 h``.

    HTCondor counts whole seconds.
    """
    if seconds < 1:
        return "< 1 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _show_events(jobs: Iterable[Job]) -> None:
    logs = {(id(submission), ad.get("UserLog")): (submission, ad) for submission, ad in jobs}
    for submission, ad in logs.values():
        click.echo(submission.events(ad), nl=False)
