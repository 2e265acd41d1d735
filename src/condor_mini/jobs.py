"""Submitting a job to a pool and seeing it through, by HTCondor's own tools."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from condor_mini.errors import JobFailed, PoolNotReady
from condor_mini.readiness import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import PurePosixPath

    from condor_mini.personal import PersonalPool

FOREVER_S = float("inf")
SUBMIT_TIMEOUT_S = 600.0
"""A submit file may queue tens of thousands of jobs."""
SCHEDD_TIMEOUT_S = 60.0
"""How long to ask a schedd that does not answer: its master may be starting it again."""
REMOVE_TIMEOUT_S = 5.0
POLL_INTERVAL_S = 0.2
"""Between two looks at the queue. A look costs 0.1 s of a core."""
IDLE, RUNNING, REMOVED, COMPLETED, HELD = 1, 2, 3, 4, 5
"""JobStatus, as in HTCondor's manual, appendix "Job ClassAd Attributes"."""

SIGNAL_BASE = 128
"""A shell's status for a process that a signal ended is this plus the signal."""

ATTRIBUTES = (
    *("ClusterId", "ProcId", "JobStatus", "HoldReason", "RemoveReason", "Iwd"),
    *("Out", "Err", "UserLog", "ExitBySignal", "ExitCode", "ExitSignal"),
)


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


@dataclass(frozen=True, kw_only=True)
class Submission:
    """Clusters that one submit file made."""

    pool: PersonalPool
    directory: str
    """The directory of the submit file in the pool."""
    clusters: tuple[int, ...]
    message: str
    """What condor_submit said."""
    warning: str
    """What it warned of: a line that it does not understand, for example; may be empty."""

    def wait(self, *, on_change: Callable[[str], None], timeout_s: float = FOREVER_S) -> int:
        """Wait until every job has left the queue; 0, or the first status that is not.

        A job that a signal ended has 128 plus its number, as in a shell.

        Args:
            on_change: Told how many jobs are in which state, whenever that changes.
            timeout_s: Deadline, in seconds.

        Raises:
            JobFailed: A job was put on hold, or was removed; says why.
            PoolNotReady: The deadline has passed.
        """

        def unfinished() -> str | None:
            queued = self._ads("condor_q")
            self._raise_if_held(queued)
            left = _unended(queued)
            if not left:
                return None
            running = sum(ad["JobStatus"] == RUNNING for ad in left)
            text = f"{running} running, {len(left) - running} idle"
            on_change(text)
            return text

        wait_until(unfinished, timeout_s=timeout_s, interval_s=POLL_INTERVAL_S)
        return next((status for ad in self.ended() if (status := _status(ad)) != 0), 0)

    def ended(self) -> list[JobAd]:
        """One ad per job that has ended, in order."""
        # The queue first: a job is in the history before it leaves the queue.
        ads = [ad for ad in self._ads("condor_q") if ad["JobStatus"] in (REMOVED, COMPLETED)]
        ads += self._ads("condor_history")
        by_id = {(ad["ClusterId"], ad["ProcId"]): ad for ad in ads}
        return [by_id[job] for job in sorted(by_id)]

    def remove(self) -> None:
        """Take the jobs out of the queue, and wait until they are."""
        self.pool.exec(["condor_rm", *map(str, self.clusters)])

        def queued() -> str | None:
            left = _unended(self._ads("condor_q"))
            return f"{len(left)} removed jobs are still in the queue" if left else None

        with suppress(PoolNotReady):  # then they go when the pool runs again
            wait_until(queued, timeout_s=REMOVE_TIMEOUT_S, interval_s=POLL_INTERVAL_S)

    def read(self, ad: JobAd, attribute: str) -> str:
        """A file that the job names: ``Out``, ``Err`` or ``UserLog``; empty where there is none."""
        name = {"Out": ad.get("Out"), "Err": ad.get("Err"), "UserLog": ad.get("UserLog")}[attribute]
        if not name or name == "/dev/null":
            return ""
        result = self.pool.exec(["cat", "--", name], workdir=ad["Iwd"])
        return result.stdout if result.returncode == 0 else ""

    def events(self, ad: JobAd) -> str:
        """The job's event log, without what earlier clusters have written to the same file."""
        blocks = re.split(r"(?m)^\.\.\.\n", self.read(ad, "UserLog"))
        ours = tuple(f"({number:03d}." for number in self.clusters)
        return "".join(f"{block}...\n" for block in blocks if block[4:].startswith(ours))

    def _ads(self, tool: str) -> list[JobAd]:
        argv = [tool, *map(str, self.clusters), "-json", "-attributes", ",".join(ATTRIBUTES)]
        ads: list[JobAd] = []

        def unanswered() -> str | None:
            result = self.pool.exec(argv, workdir=self.directory)
            if result.returncode != 0:
                return f"{tool}: {result.stderr.strip()}"
            ads.extend(json.loads(result.stdout or "[]"))
            return None

        wait_until(unanswered, timeout_s=SCHEDD_TIMEOUT_S)
        return ads

    def _raise_if_held(self, ads: list[JobAd]) -> None:
        held = [ad for ad in ads if ad["JobStatus"] == HELD]
        if held:
            ad = held[0]
            raise JobFailed(
                f"job {ad['ClusterId']}.{ad['ProcId']} was put on hold: {ad.get('HoldReason')}",
                status=1,
                hint="Mend the submit file and submit it again: this submission was removed.",
            )


def submit(pool: PersonalPool, file: PurePosixPath) -> Submission:
    """Hand a submit file to condor_submit, in its own directory, as a user would.

    Args:
        pool: Where.
        file: The submit file's path in the pool.

    Raises:
        JobFailed: condor_submit refused it; its own words and status.
    """
    directory = str(file.parent)
    # Behind ./ a name that begins with a hyphen is no option.
    argv = ["condor_submit", f"./{file.name}"]
    result = pool.exec(argv, workdir=directory, timeout_s=SUBMIT_TIMEOUT_S)
    if result.returncode != 0:
        said = (result.stderr.strip() or result.stdout.strip()).removeprefix("ERROR: ")
        raise JobFailed(f"condor_submit {file.name}: {said}", status=result.returncode)
    clusters = tuple(int(number) for number in re.findall(r"to cluster (\d+)", result.stdout))
    return Submission(
        pool=pool,
        directory=directory,
        clusters=clusters,
        message=result.stdout.strip(),
        warning="\n".join(line for line in result.stderr.splitlines() if "WARNING" in line),
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
