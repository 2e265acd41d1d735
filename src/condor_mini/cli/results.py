"""Waiting for jobs, and fetching their results."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from condor_mini.base.errors import CondorMiniError, PoolNotReady
from condor_mini.cli.waiting_table import WaitingTable
from condor_mini.jobs.job_ads import COMPLETED, STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.jobs.job_ads import JobAd
    from condor_mini.jobs.tracking import Submission

FOREVER_S = float("inf")
PATIENCE_S = 10.0
"""How long no job may start before we say why, in seconds."""


class StayQueued:
    """A context that names the next command if Ctrl-C or another signal ends it.

    It is a class because a signal can also cut off the end of a generator.
    """

    def __init__(self, pool: str, submissions: Sequence[Submission]) -> None:
        self._again = again(pool, submissions)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, Exception):
            click.echo(f"The jobs stay in the queue. Wait for them: {self._again}", err=True)


def announce(submission: Submission) -> None:
    """Print the output of condor_submit."""
    click.echo(submission.message)
    if submission.warning:
        click.echo(submission.warning, err=True)


def await_end(submissions: Sequence[Submission], progress: Progress, timeout_s: float) -> int:
    """Wait until all jobs have ended, and return the jobs' status.

    A terminal shows how many jobs of each cluster are in which state, and where they run. If no
    job has started after ``PATIENCE_S``, say why they are idle, in the words of `doctor`.
    """
    from condor_mini.jobs import tracking

    look_at = time.monotonic() + PATIENCE_S
    table = WaitingTable()
    with progress.table("Waiting for the jobs", done="The jobs have ended") as show:

        def changed(text: str) -> None:
            nonlocal look_at
            show(text, table.lines())
            if time.monotonic() >= look_at:
                look_at = FOREVER_S
                for reason in _why_none_starts(submissions):
                    progress.note(reason)

        return tracking.wait(
            submissions, timeout_s=timeout_s, on_change=changed, on_look=table.look
        )


def _why_none_starts(submissions: Sequence[Submission]) -> Iterator[str]:
    """Yield why the jobs are idle; nothing if one of them has started."""
    from condor_mini.doctor.idle_jobs import idle_job_findings
    from condor_mini.jobs.job_ads import IDLE
    from condor_mini.jobs.runners import node_of

    if any(ad["JobStatus"] != IDLE for one in submissions for ad in one.jobs()):
        return
    said = set()
    for submission in submissions:
        ours = tuple(f"job {cluster}." for cluster in submission.clusters)
        node = node_of(submission.runner)
        for finding in idle_job_findings(node) if node else ():
            if finding.subject.startswith(ours) and finding.evidence not in said:
                said.add(finding.evidence)
                yield f"{finding.subject}: {finding.evidence}"
                if finding.hint:
                    yield finding.hint


def follow(
    submissions: Sequence[Submission],
    progress: Progress,
    *,
    pool: str,
    timeout_s: float,
    show: Callable[[Sequence[Submission]], None],
) -> int:
    """Wait for the jobs, fetch what they wrote, and show the results, also if the wait fails.

    Args:
        submissions: Submissions to wait for. The caller is in a `StayQueued` context.
        progress: Receives the phases.
        pool: Name of the pool.
        timeout_s: Give up after so many seconds.
        show: Shows the results. It is also called if some jobs have not ended.

    Returns:
        The jobs' status.
    """
    try:
        status = await_end(submissions, progress, timeout_s)
    except CondorMiniError as failure:
        if isinstance(failure, PoolNotReady) and failure.hint is None:
            failure.hint = f"Continue to wait: {again(pool, submissions)}"
        # Fetch and show what there is. The first failure is the one to report.
        with suppress(CondorMiniError):
            _fetch(submissions, progress)
            show(submissions)
        raise
    _fetch(submissions, progress)
    show(submissions)
    return status


def again(pool: str, submissions: Sequence[Submission]) -> str:
    """Return the command that waits for these submissions."""
    clusters = (str(cluster) for submission in submissions for cluster in submission.clusters)
    return " ".join(["condor-mini", "wait", "-n", pool, *clusters])


def submission_row(submission: Submission) -> dict[str, object]:
    """Return a submission as the JSON object that docs/reference/json.md describes."""
    return {
        "clusters": list(submission.clusters),
        "directory": submission.staging.source if submission.staging else None,
        "jobs": [_row(ad) for ad in submission.jobs()],
    }


def _fetch(submissions: Sequence[Submission], progress: Progress) -> None:
    """Fetch what the jobs of each submission wrote.

    If one fails, the others are fetched all the same, and the first failure is raised at the end.
    """
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
