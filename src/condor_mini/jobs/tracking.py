"""Submitting a job and seeing it through, by HTCondor's own tools."""

from __future__ import annotations

import json
import posixpath
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypedDict

from condor_mini.base.errors import JobFailed, PoolNotReady, TimedOut
from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from condor_mini.engine import CommandResult
    from condor_mini.jobs.staging import Staging

FOREVER_S = float("inf")
SUBMIT_TIMEOUT_S = 600.0
"""A submit file may queue tens of thousands of jobs."""
SCHEDD_TIMEOUT_S = 60.0
"""How long to ask a schedd that does not answer: its master may be starting it again."""
REMOVE_TIMEOUT_S = 5.0
"""How long a job that was removed may stay in the queue before nobody waits for that."""
POLL_INTERVAL_S = 0.2
"""Between the first two looks at the queue. A look costs 0.1 s of a core."""
LONGEST_POLL_INTERVAL_S = 2.0
"""Between two looks in the end: the longer it has lasted, the less a moment more matters."""
IDLE, RUNNING, REMOVED, COMPLETED, HELD = 1, 2, 3, 4, 5
"""JobStatus, as in HTCondor's manual, appendix "Job ClassAd Attributes"."""

SIGNAL_BASE = 128
"""A shell's status for a process that a signal ended is this plus the signal."""

STAGING_ATTRIBUTE = "CondorMiniStaging"
"""What a job's ad says of the directory that it was submitted in (``Staging.name``)."""
ATTRIBUTES = (
    *("ClusterId", "ProcId", "JobStatus", "HoldReason", "RemoveReason", "Iwd"),
    *("Out", "Err", "UserLog", "ExitBySignal", "ExitCode", "ExitSignal", STAGING_ATTRIBUTE),
)


class Runner(Protocol):
    """Where commands are run: a node, or a personal pool."""

    def exec(
        self, argv: Sequence[str], *, workdir: str = ..., timeout_s: float = ...
    ) -> CommandResult:
        """Run a command there as the ordinary user, to its end, whatever its status."""


class JobAd(TypedDict, total=False):
    """The attributes of a job's ClassAd that are asked for here."""

    ClusterId: int
    ProcId: int
    JobStatus: int
    HoldReason: str
    RemoveReason: str
    Iwd: str
    Out: str
    Err: str
    UserLog: str
    ExitBySignal: bool
    ExitCode: int
    ExitSignal: int
    CondorMiniStaging: str


@dataclass(frozen=True, kw_only=True)
class Submission:
    """Clusters that were submitted together."""

    runner: Runner
    """The access point whose queue they are in."""
    clusters: tuple[int, ...]
    message: str = ""
    """What condor_submit said."""
    warning: str = ""
    """What it warned of: a line that it does not understand, for example; may be empty."""
    staging: Staging | None = None
    """The directory that was made for it in the access point, where one was."""
    hint_if_held: str | None = None
    """What to do about a job that is put on hold."""

    def wait(
        self, *, timeout_s: float = FOREVER_S, on_change: Callable[[str], object] | None = None
    ) -> int:
        """Wait until every job has left the queue; 0, or the first status that is not.

        A job that a signal ended has 128 plus its number, as in a shell.

        Args:
            timeout_s: Deadline, in seconds.
            on_change: Told how many jobs are in which state, whenever that is looked at.

        Raises:
            JobFailed: A job was put on hold, or was removed; says why.
            PoolNotReady: The deadline has passed, or the pool has ended.
        """
        return wait([self], timeout_s=timeout_s, on_change=on_change)

    def jobs(self) -> list[JobAd]:
        """One ad per job, in order, in the queue or not."""
        # The queue first: a job is in the history before it leaves the queue.
        ads = self.queued() + self._ads("condor_history", self.clusters)
        by_id = {(ad["ClusterId"], ad["ProcId"]): ad for ad in ads}
        return [by_id[job] for job in sorted(by_id)]

    def ended(self) -> list[JobAd]:
        """One ad per job that has ended, in order."""
        return [ad for ad in self.jobs() if ad["JobStatus"] in (REMOVED, COMPLETED)]

    def queued(self) -> list[JobAd]:
        """The ads of those that are in the queue; a job that has ended may be there for a while."""
        return self._ads("condor_q", self.clusters)

    def fetch(self) -> list[Path]:
        """Bring what the jobs wrote back to the directory of the submit file.

        Only what is new or has changed is written. Once no job is left that was submitted in the
        same directory, its copy in the access point is removed. Does nothing for jobs that were
        not submitted from a directory of this machine.

        Returns:
            The files and directories that are new or have changed.

        Raises:
            NotFound: The directory is not there any more.
            CondorMiniError: A file cannot be written, or would lie outside the directory.
        """
        if self.staging is None:
            return []
        mine = ("-constraint", f'{STAGING_ATTRIBUTE} == "{self.staging.name}"')
        return self.staging.fetch(last=not _unended(self._ads("condor_q", mine)))

    def remove(self) -> None:
        """Take the jobs out of the queue, and wait until they are."""
        self.runner.exec(["condor_rm", *map(str, self.clusters)])

        def queued() -> str | None:
            left = _unended(self.queued())
            return f"{len(left)} removed jobs are still in the queue" if left else None

        with suppress(TimedOut):  # then they go when the pool runs again
            wait_until(queued, timeout_s=REMOVE_TIMEOUT_S, interval_s=POLL_INTERVAL_S)

    def read(self, ad: JobAd, attribute: str) -> str:
        """A file that the job names: ``Out``, ``Err`` or ``UserLog``; empty where there is none."""
        name = {"Out": ad.get("Out"), "Err": ad.get("Err"), "UserLog": ad.get("UserLog")}[attribute]
        if not name or name == "/dev/null":
            return ""
        path = posixpath.join(ad["Iwd"], name)
        if self.staging is not None and self.staging.is_removed:
            return self.staging.read_fetched(path)
        result = self.runner.exec(["cat", "--", path])
        return result.stdout if result.returncode == 0 else ""

    def events(self, ad: JobAd) -> str:
        """The job's event log, without what earlier clusters have written to the same file."""
        blocks = re.split(r"(?m)^\.\.\.\n", self.read(ad, "UserLog"))
        ours = tuple(f"({number:03d}." for number in self.clusters)
        return "".join(f"{block}...\n" for block in blocks if block[4:].startswith(ours))

    def _ads(self, tool: str, which: Sequence[object]) -> list[JobAd]:
        argv = [tool, *map(str, which), "-json", "-attributes", ",".join(ATTRIBUTES)]
        ads: list[JobAd] = []
        if not which:  # it would be about all jobs
            return ads

        def unanswered() -> str | None:
            result = self.runner.exec(argv)
            if result.returncode != 0:
                return f"{tool}: {result.stderr.strip()}"
            ads.extend(json.loads(result.stdout or "[]"))
            return None

        wait_until(unanswered, timeout_s=SCHEDD_TIMEOUT_S, error=PoolNotReady)
        return ads


def submit(
    runner: Runner,
    directory: str,
    file: str,
    *,
    arguments: Sequence[str] = (),
    staging: Staging | None = None,
    hint_if_held: str | None = None,
) -> Submission:
    """Hand a submit file to condor_submit, in its own directory, as a user would.

    Args:
        runner: Where.
        directory: Where the submit file is, there.
        file: Its name.
        arguments: condor_submit's own, which follow the file.
        staging: The directory that was made for it, if one was.
        hint_if_held: What to do about a job that is put on hold.

    Raises:
        JobFailed: condor_submit refused it; its own words and status.
    """
    # Behind ./ a name that begins with a hyphen is no option.
    argv = ["condor_submit", f"./{file}"]
    if staging is not None:
        argv += ["-append", f'MY.{STAGING_ATTRIBUTE} = "{staging.name}"']
    result = runner.exec([*argv, *arguments], workdir=directory, timeout_s=SUBMIT_TIMEOUT_S)
    if result.returncode != 0:
        raise refused(file, result, staging)
    # The second way of saying it is -terse: "12.0 - 12.9".
    numbers = re.findall(r"submitted to cluster (\d+)|^(\d+)\.\d+ - ", result.stdout, re.MULTILINE)
    return Submission(
        runner=runner,
        clusters=tuple(int(number or terse) for number, terse in numbers),
        message=result.stdout.strip(),
        warning="\n".join(line for line in result.stderr.splitlines() if "WARNING" in line),
        staging=staging,
        hint_if_held=hint_if_held,
    )


def refused(file: str, result: CommandResult, staging: Staging | None) -> JobFailed:
    """What condor_submit said when it failed, of the paths of this machine."""
    said = (result.stderr.strip() or result.stdout.strip()).removeprefix("ERROR: ")
    if staging is not None:
        said = staging.in_words_of_here(said)
    return JobFailed(f"condor_submit {file}: {said}", status=result.returncode)


def wait(
    submissions: Sequence[Submission],
    *,
    timeout_s: float = FOREVER_S,
    on_change: Callable[[str], object] | None = None,
) -> int:
    """Wait for several submissions at once; see ``Submission.wait``."""
    silent_at: float | None = None

    def unfinished() -> str | None:
        nonlocal silent_at
        queued = [(ad, one.hint_if_held) for one in submissions for ad in one.queued()]
        for ad, hint in queued:
            _raise_if_held(ad, hint)
        left = _unended([ad for ad, _ in queued])
        if not left:
            # Of one that was removed while it ran, the shadow may not yet have written the end.
            removed = sum(ad["JobStatus"] == REMOVED for ad, _ in queued)
            silent_at = silent_at or time.monotonic() + REMOVE_TIMEOUT_S
            if removed and time.monotonic() < silent_at:
                return f"{removed} removed, which are still in the queue"
            return None
        running = sum(ad["JobStatus"] == RUNNING for ad in left)
        text = f"{running} running, {len(left) - running} idle"
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
    ended = (ad for submission in submissions for ad in submission.ended())
    return next((status for ad in ended if (status := _status(ad)) != 0), 0)


def _less_and_less_often() -> Callable[[float], None]:
    """A sleep that lasts a little longer each time, up to what it is asked for."""
    pause_s = POLL_INTERVAL_S

    def sleep(longest_s: float) -> None:
        nonlocal pause_s
        time.sleep(min(pause_s, longest_s))
        pause_s *= 1.05

    return sleep


def _raise_if_held(ad: JobAd, hint: str | None) -> None:
    if ad["JobStatus"] == HELD:
        raise JobFailed(
            f"job {ad['ClusterId']}.{ad['ProcId']} was put on hold: {ad.get('HoldReason')}",
            status=1,
            hint=hint,
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
