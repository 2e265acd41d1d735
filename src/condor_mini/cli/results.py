"""Following jobs to their end, and what is shown of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from condor_mini.base.errors import CondorMiniError, PoolNotReady

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.jobs.tracking import JobAd, Submission

REMOVED, COMPLETED = 3, 4
SHOWN_JOBS = 10
"""How many jobs' outputs are shown; all of them are in their files."""
STATES = {
    1: "idle",
    2: "running",
    REMOVED: "removed",
    COMPLETED: "completed",
    5: "held",
    6: "transferring",
    7: "suspended",
}
"""JobStatus, as in HTCondor's manual, appendix "Job ClassAd Attributes"."""


class StayQueued:
    """A context that says how to go on with the jobs, if Ctrl-C or its like cuts it off.

    A class: a generator's end can itself be cut off.
    """

    def __init__(self, pool: str, submissions: Sequence[Submission]) -> None:
        self._again = again(pool, submissions)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, Exception):
            click.echo(f"The jobs stay in the queue. Go on: {self._again}", err=True)


def announce(submission: Submission) -> None:
    """What condor_submit said."""
    click.echo(submission.message)
    if submission.warning:
        click.echo(submission.warning, err=True)


def await_end(submissions: Sequence[Submission], progress: Progress, timeout_s: float) -> int:
    """Wait until all have ended, while a person sees how many have not; the jobs' status."""
    from condor_mini.jobs import tracking

    with progress.step("Waiting for the jobs", done="The jobs have ended") as detail:
        return tracking.wait(submissions, timeout_s=timeout_s, on_change=detail)


def show_written(submissions: Sequence[Submission], progress: Progress) -> None:
    """What the jobs wrote to stdout and stderr, and their event logs."""
    ended = [(submission, ad) for submission in submissions for ad in submission.ended()]
    for submission, ad in ended[:SHOWN_JOBS]:
        if ad["JobStatus"] == REMOVED:
            continue  # it has written nothing: what is there is an earlier job's
        click.echo(submission.read(ad, "Out"), nl=False)
        click.echo(submission.read(ad, "Err"), nl=False, err=True)
    if len(ended) > SHOWN_JOBS:
        progress.note(f"({len(ended) - SHOWN_JOBS} more jobs: their outputs are in their files)")
    logs = {(id(submission), ad.get("UserLog")): (submission, ad) for submission, ad in ended}
    for submission, ad in logs.values():
        click.echo(submission.events(ad), nl=False)


def follow(
    submissions: Sequence[Submission],
    progress: Progress,
    *,
    pool: str,
    timeout_s: float,
    show: Callable[[Sequence[Submission]], None],
) -> int:
    """Wait for the jobs, fetch what they wrote, whatever becomes of them, and show the results.

    Args:
        submissions: The jobs, in a `StayQueued`.
        progress: Told of the phases.
        pool: The pool's name.
        timeout_s: Deadline, in seconds.
        show: Shows the results; of jobs that did not all end too.

    Returns:
        The jobs' status.
    """
    try:
        status = await_end(submissions, progress, timeout_s)
    except CondorMiniError as failure:
        if isinstance(failure, PoolNotReady) and failure.hint is None:
            failure.hint = f"Go on waiting: {again(pool, submissions)}"
        # What there is; the first failure is the one that counts.
        with suppress(CondorMiniError):
            _fetch(submissions, progress)
            show(submissions)
        raise
    _fetch(submissions, progress)
    show(submissions)
    return status


def again(pool: str, submissions: Sequence[Submission]) -> str:
    """The command that waits for them."""
    clusters = (str(cluster) for submission in submissions for cluster in submission.clusters)
    return " ".join(["condor-mini", "wait", "-n", pool, *clusters])


def submission_row(submission: Submission) -> dict[str, object]:
    """All about a submission, for programs: docs/reference/json.md."""
    return {
        "clusters": list(submission.clusters),
        "directory": submission.staging.source if submission.staging else None,
        "jobs": [_row(ad) for ad in submission.jobs()],
    }


def _fetch(submissions: Sequence[Submission], progress: Progress) -> None:
    """Fetch what each has written; one that fails does not keep the others from coming."""
    failures: list[CondorMiniError] = []
    for submission in submissions:
        staging = submission.staging
        if staging is None:
            continue
        if not staging.is_of_this_machine:
            progress.note(staging.why_not_fetched)
            continue
        try:
            fetched = submission.fetch()
        except CondorMiniError as failure:
            failures.append(failure)
            continue
        if fetched:
            files = "1 file" if len(fetched) == 1 else f"{len(fetched)} files"
            progress.note(f"Fetched {files} into {staging.source}")
    if failures:
        raise failures[0]


def _row(ad: JobAd) -> dict[str, object]:
    ended = ad["JobStatus"] == COMPLETED
    by_signal = ended and ad.get("ExitBySignal", False)
    return {
        "cluster": ad["ClusterId"],
        "proc": ad["ProcId"],
        "status": STATES.get(ad["JobStatus"], str(ad["JobStatus"])),
        "exit_code": ad.get("ExitCode") if ended and not by_signal else None,
        "exit_signal": ad.get("ExitSignal") if by_signal else None,
        "hold_reason": ad.get("HoldReason"),
        "remove_reason": ad.get("RemoveReason"),
    }
