"""Submit jobs and follow them to their end with HTCondor's own tools."""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, JobFailed, PoolNotReady, TimedOut
from condor_mini.base.waiting import wait_until
from condor_mini.jobs.arguments import submit_nothing
from condor_mini.jobs.holds import held_for_good
from condor_mini.jobs.job_ads import (
    ATTRIBUTES,
    COMPLETED,
    HELD,
    REMOVED,
    STAGING_ATTRIBUTE,
    counts,
    path_of,
)
from condor_mini.jobs.missing_programs import advice
from condor_mini.jobs.runners import answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from condor_mini.engine import CommandResult
    from condor_mini.jobs.job_ads import JobAd, Runner, Written
    from condor_mini.jobs.staging import Staging

    Queued = tuple["Submission", list[JobAd]]

FOREVER_S = float("inf")
SUBMIT_TIMEOUT_S = 600.0
"""A submit file may queue tens of thousands of jobs."""
REMOVE_TIMEOUT_S = 5.0
"""How long to wait for a removed job to leave the queue, in seconds."""
POLL_INTERVAL_S = 0.2
"""The pause between two queries of the queue for a removed job, in seconds.

A query costs 0.1 s of a core.
"""
FIRST_POLL_INTERVAL_S = 0.05
"""The pause between the first two queries for the end of jobs, in seconds; each is a tenth longer.

The longer a wait has lasted, the less a short delay matters.
"""
LONGEST_POLL_INTERVAL_S = 2.0
"""The longest pause between two queries, in seconds."""
SIGNAL_BASE = 128
"""A shell's status for a process that a signal ended is this plus the signal's number."""

WITH_TEXT = 'umask 022 && mkdir -p "$1" && cd "$1" && cat >"$2" && shift 2 && exec "$@"'
"""Runs a command in a new directory that has a file with the script's stdin.

It is one script because what takes the time is the engine's ``exec``.
"""
SUBMITTED = "000"
"""The type of the event "Job submitted" (HTCondor's manual, "Job Event Log Codes")."""
_EVENT = re.compile(r"(?P<type>\d{3}) \((?P<job>(?P<cluster>\d+)\.\d+\.\d+)\) ")


@dataclass(frozen=True, kw_only=True)
class Submission:
    """Clusters that were submitted together."""

    runner: Runner
    """The access point or personal pool whose queue they are in."""
    clusters: tuple[int, ...]
    message: str = ""
    """The output of condor_submit."""
    warning: str = ""
    """The warnings of condor_submit, about a line that it does not understand, for example."""
    staging: Staging | None = None
    """The copy of the submit directory in the access point. None if there is none."""
    hint_if_held: str | None = None
    """The hint of the error if a job is put on hold."""
    mounted: Mapping[str, str] = field(default_factory=dict)
    """Directories of this machine that the pool has too, by their paths in the pool."""

    def wait(
        self, *, timeout_s: float = FOREVER_S, on_change: Callable[[str], object] | None = None
    ) -> int:
        """Wait until all jobs have ended, or are held and nothing releases them by itself.

        A held job that its ``periodic_release`` may release is waited for.

        Args:
            timeout_s: Give up after so many seconds.
            on_change: Receives the number of jobs in each state whenever the queue is queried.

        Returns:
            0, or the first status of a job that is not 0. The status of a job that a signal ended
            is 128 plus the signal's number, as in a shell.

        Raises:
            JobFailed: A job is held or was removed. The message says why.
            PoolNotReady: ``timeout_s`` has passed, or the pool has ended.
        """
        return wait([self], timeout_s=timeout_s, on_change=on_change)

    def jobs(self, queued: Sequence[JobAd] | None = None) -> list[JobAd]:
        """Return one ad per job, in the order of job ids, from the queue and the history.

        Args:
            queued: What ``queued`` has just returned. None to query the queue now.
        """
        # The queue first, because a job is in the history before it leaves the queue.
        first = self.queued() if queued is None else queued
        ads = [*first, *self._ads("condor_history", self.clusters)]
        by_id = {(ad["ClusterId"], ad["ProcId"]): ad for ad in ads}
        return [by_id[job] for job in sorted(by_id)]

    def ended(self, queued: Sequence[JobAd] | None = None) -> list[JobAd]:
        """Return one ad per job that has ended, in the order of job ids; see ``jobs``."""
        return [ad for ad in self.jobs(queued) if ad["JobStatus"] in (REMOVED, COMPLETED)]

    def queued(self) -> list[JobAd]:
        """Return one ad per job in the queue. A job may stay there for a while after its end."""
        return self._ads("condor_q", self.clusters)

    def fetch(self) -> list[Path]:
        """Copy what the jobs wrote back to the directory of the submit file.

        Only files that are new or have changed are written. When all jobs that use the same copy of
        the directory have ended, the copy in the access point is removed.

        Returns:
            The files and directories that are new or have changed. Empty for jobs that were not
            submitted from a directory of this machine.

        Raises:
            NotFound: The directory no longer exists.
            CondorMiniError: A file cannot be written, or would be outside the directory.
        """
        if self.staging is None or self.staging.source is None:
            return []
        mine = ("-constraint", f'{STAGING_ATTRIBUTE} == "{self.staging.name}"')
        queued = self._ads("condor_q", mine)
        self._take_from_spool(queued)
        return self.staging.fetch(last=not _unended(queued))

    def _take_from_spool(self, queued: Sequence[JobAd]) -> None:
        """Bring what jobs of ``condor_submit -spool`` wrote to the directory they came from.

        Until then the schedd keeps such a job in the queue (HTCondor's manual,
        condor_transfer_data).

        Raises:
            CommandFailed: The files cannot be had; they stay in the spool.
        """
        ended = [ad for ad in queued if ad["JobStatus"] == COMPLETED and "SUBMIT_Iwd" in ad]
        if not ended:
            return
        jobs = [f"{ad['ClusterId']}.{ad['ProcId']}" for ad in ended]
        argv = ["condor_transfer_data", *jobs]
        result = self.runner.exec(argv, timeout_s=SUBMIT_TIMEOUT_S)
        if result.returncode != 0:
            raise CommandFailed(argv, result.returncode, result.stderr or result.stdout)

    def remove(self) -> None:
        """Remove the jobs, and wait up to ``REMOVE_TIMEOUT_S`` until they have left the queue."""
        self.runner.exec(["condor_rm", *map(str, self.clusters)])

        def queued() -> str | None:
            left = _unended(self.queued())
            return f"{len(left)} removed jobs are still in the queue" if left else None

        with suppress(TimedOut):  # these jobs leave the queue when the pool runs again
            wait_until(queued, timeout_s=REMOVE_TIMEOUT_S, interval_s=POLL_INTERVAL_S)

    def read(self, ad: JobAd, attribute: Written) -> str:
        """Return the text of a file that a job's ad names; empty if there is none.

        Args:
            ad: The job's ad.
            attribute: Attribute of the ad that names the file.
        """
        path = path_of(ad, attribute)
        if path is None:
            return ""
        if self.staging is not None and self.staging.is_removed:
            return self.staging.read_fetched(path)[1]
        result = self.runner.exec(["cat", "--", path])
        return result.stdout if result.returncode == 0 else ""

    def events(self, ad: JobAd) -> str:
        """Return the job's event log, without the events of other clusters in the same file.

        A pool that is created anew counts its clusters from 1 again. So the events of a job begin
        with the last one that says that it was submitted.
        """
        ours: dict[str, list[tuple[int, str]]] = {}
        blocks = re.split(r"(?m)^\.\.\.\n", self.read(ad, "UserLog"))
        for position, block in enumerate(blocks):
            event = _EVENT.match(block)
            if event is None or int(event["cluster"]) not in self.clusters:
                continue
            if event["type"] == SUBMITTED:
                ours[event["job"]] = []
            ours.setdefault(event["job"], []).append((position, block))
        kept = sorted(entry for entries in ours.values() for entry in entries)
        return "".join(f"{block}...\n" for _, block in kept)

    def _ads(self, tool: str, which: Sequence[object]) -> list[JobAd]:
        argv = [tool, *map(str, which), "-json", "-attributes", ",".join(ATTRIBUTES)]
        if not which:  # without arguments, the tool would print all jobs
            return []
        ads: list[JobAd] = json.loads(answer(self.runner, argv) or "[]")
        return ads


def submit(
    runner: Runner,
    directory: str,
    file: str,
    *,
    arguments: Sequence[str] = (),
    staging: Staging | None = None,
    text: str | None = None,
    hint_if_held: str | None = None,
    mounted: Mapping[str, str] | None = None,
) -> Submission:
    """Run condor_submit in the directory of a submit file, as a user would.

    Args:
        runner: Access point or personal pool to submit to.
        directory: Path of the submit file's directory in the access point.
        file: Name of the submit file.
        arguments: Arguments of condor_submit; they follow the file's name.
        staging: Copy of the submit directory. None if there is none.
        text: Text of the submit file, if ``staging`` has neither directory nor file yet. None if it
            has both.
        hint_if_held: Hint of the error if a job is put on hold.
        mounted: Directories of this machine that the pool has too, by their paths in the pool.

    Raises:
        JobFailed: condor_submit refused the submit file. The error has its output and status.
    """
    # With ./, a name that begins with a hyphen is not taken for an option.
    argv = ["condor_submit", f"./{file}"]
    if staging is not None:
        argv += ["-append", f'MY.{STAGING_ATTRIBUTE} = "{staging.name}"']
    argv += arguments
    if staging is None or text is None:
        result = runner.exec(argv, workdir=directory, timeout_s=SUBMIT_TIMEOUT_S)
    else:
        argv = ["sh", "-c", WITH_TEXT, "sh", directory, file, *argv]
        result = staging.node.exec(argv, stdin=text, timeout_s=SUBMIT_TIMEOUT_S)
    if result.returncode != 0:
        raise refused(runner, file, result, staging)
    return Submission(
        runner=runner,
        # With -dump, condor_submit names a cluster that does not exist.
        clusters=() if submit_nothing(arguments) else clusters_in(result.stdout),
        message=result.stdout.strip(),
        warning="\n".join(line for line in result.stderr.splitlines() if "WARNING" in line),
        staging=staging,
        hint_if_held=hint_if_held,
        mounted=mounted or {},
    )


def clusters_in(output: str) -> tuple[int, ...]:
    """Return the clusters in the output of condor_submit, with -terse too: ``12.0 - 12.9``."""
    numbers = re.findall(r"submitted to cluster (\d+)|^(\d+)\.\d+ - ", output, re.MULTILINE)
    return tuple(int(number or terse) for number, terse in numbers)


def refused(runner: Runner, file: str, result: CommandResult, staging: Staging | None) -> JobFailed:
    """Return the error that has condor_submit's output, with the paths of this machine."""
    output = (result.stderr.strip() or result.stdout.strip()).removeprefix("ERROR: ")
    if staging is not None:
        output = staging.in_words_of_here(output)
    hint = advice(runner, output)
    return JobFailed(f"condor_submit {file}: {output}", status=result.returncode, hint=hint)


def wait(
    submissions: Sequence[Submission],
    *,
    timeout_s: float = FOREVER_S,
    on_change: Callable[[str], object] | None = None,
    on_look: Callable[[Sequence[Queued]], object] | None = None,
) -> int:
    """Wait for several submissions at once; see ``Submission.wait``.

    Args:
        submissions: Submissions to wait for.
        timeout_s: Give up after so many seconds.
        on_change: Receives the number of jobs in each state whenever the queue is queried.
        on_look: Receives the ads in the queue of each submission, before ``on_change`` is called.
    """
    ended = await_end(submissions, timeout_s=timeout_s, on_change=on_change, on_look=on_look)
    return status_of(ended)


def await_end(
    submissions: Sequence[Submission],
    *,
    timeout_s: float = FOREVER_S,
    on_change: Callable[[str], object] | None = None,
    on_look: Callable[[Sequence[Queued]], object] | None = None,
) -> list[JobAd]:
    """Wait as ``wait`` does; return one ad per job, in the order of submissions and job ids."""
    silent_at: float | None = None
    held: list[tuple[Submission, JobAd]] = []
    queues: list[Queued] = []

    def unfinished() -> str | None:
        nonlocal silent_at, held, queues
        queues = [(one, one.queued()) for one in submissions]
        if on_look is not None:
            on_look(queues)
        held = [(one, ad) for one, ads in queues for ad in _held_for_good(one, ads)]
        queued = [ad for _, ads in queues for ad in ads]
        left = _unended(queued)
        if len(left) == len(held):
            # The shadow of a job that was removed while it ran may not have written the end yet.
            removed = sum(ad["JobStatus"] == REMOVED for ad in queued)
            silent_at = silent_at or time.monotonic() + REMOVE_TIMEOUT_S
            if removed and time.monotonic() < silent_at:
                return f"{removed} removed jobs are still in the queue"
            return None
        text = counts(left) + _to_be_released(left, [ad for _, ad in held])
        if on_change is not None:
            on_change(text)
        return text

    wait_until(
        unfinished,
        timeout_s=timeout_s,
        interval_s=LONGEST_POLL_INTERVAL_S,
        error=PoolNotReady,
        headline=f"not all jobs have ended after {timeout_s:g} s",
        sleep=_less_and_less_often(),
    )
    if held:
        raise _held(held)
    return [ad for submission, queued in queues for ad in submission.ended(queued)]


def status_of(ended: Sequence[JobAd]) -> int:
    """Return 0, or the first status that is not 0 of jobs that have ended.

    Raises:
        JobFailed: A job before that one was removed. The message says why.
    """
    return next((status for ad in ended if (status := _status(ad)) != 0), 0)


def _less_and_less_often() -> Callable[[float], None]:
    """Return a sleep function that sleeps a little longer each time, up to its argument."""
    pause_s = FIRST_POLL_INTERVAL_S

    def sleep(longest_s: float) -> None:
        nonlocal pause_s
        time.sleep(min(pause_s, longest_s))
        pause_s *= 1.1

    return sleep


def _held_for_good(submission: Submission, queued: Sequence[JobAd]) -> list[JobAd]:
    held = [ad for ad in queued if ad["JobStatus"] == HELD]
    return held_for_good(submission.runner, held) if held else []


def _to_be_released(left: Sequence[JobAd], for_good: Sequence[JobAd]) -> str:
    """Return why the first job that HTCondor may release is held; empty if there is none."""
    held = (ad for ad in left if ad["JobStatus"] == HELD and ad not in for_good)
    reason = next((ad.get("HoldReason") for ad in held), None)
    return f" (held: {reason}; HTCondor may release it)" if reason else ""


def _held(held: Sequence[tuple[Submission, JobAd]]) -> JobFailed:
    submission, ad = held[0]
    reason = ad.get("HoldReason", "")
    hints = (advice(submission.runner, reason), submission.hint_if_held)
    others = f" ({len(held) - 1} more jobs are held)" if len(held) > 1 else ""
    return JobFailed(
        f"job {ad['ClusterId']}.{ad['ProcId']} was put on hold: {reason}{others}",
        status=1,
        hint="\n".join(filter(None, hints)) or None,
    )


def _unended(ads: list[JobAd]) -> list[JobAd]:
    return [ad for ad in ads if ad["JobStatus"] not in (REMOVED, COMPLETED)]


def _status(ad: JobAd) -> int:
    if ad["JobStatus"] == REMOVED:
        raise JobFailed(
            f"job {ad['ClusterId']}.{ad['ProcId']} was removed: {ad.get('RemoveReason')}", status=1
        )
    if ad.get("ExitBySignal"):
        return SIGNAL_BASE + ad.get("ExitSignal", 0)
    return ad.get("ExitCode", 0)
