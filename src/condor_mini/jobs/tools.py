"""HTCondor's tools that change jobs: how jobs are named, found and given to them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import UsageError
from condor_mini.jobs.job_ads import AT_WORK, HELD, IDLE, RUNNING, SUSPENDED
from condor_mini.reports.classads import ask

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from condor_mini.nodes.node import Node

JOB = re.compile(r"([1-9][0-9]{0,9})(?:\.(0|[1-9][0-9]{0,9}))?", re.ASCII)
"""The number of a cluster, or the id of a job."""
_ATTRIBUTES = "ClusterId,ProcId,JobStatus,EnteredCurrentStatus,Owner"


@dataclass(frozen=True, kw_only=True)
class QueuedAd:
    """A job in the queue at one moment."""

    status: int
    entered_at: int
    """When it came into its state, in seconds since 1970."""
    owner: str


Job = tuple[int, int]
Queue = dict[Job, QueuedAd]


@dataclass(frozen=True, kw_only=True)
class JobName:
    """What names jobs: a cluster, or one job of it."""

    cluster: int
    proc: int | None

    def __str__(self) -> str:
        return str(self.cluster) if self.proc is None else f"{self.cluster}.{self.proc}"

    @property
    def words(self) -> str:
        """How a message names it."""
        return f"cluster {self}" if self.proc is None else f"job {self}"

    @property
    def constraint(self) -> str:
        """The ClassAd expression that is true for its jobs."""
        if self.proc is None:
            return f"ClusterId == {self.cluster}"
        return f"(ClusterId == {self.cluster} && ProcId == {self.proc})"

    def is_in(self, queue: Queue) -> bool:
        """Return whether a queue has such a job."""
        if self.proc is not None:
            return (self.cluster, self.proc) in queue
        return any(cluster == self.cluster for cluster, _ in queue)


def job_name(job: int | str) -> JobName:
    """Return what names jobs; raises ``UsageError`` if it is neither a cluster nor a job."""
    found = JOB.fullmatch(str(job))
    if not found:
        raise UsageError(f"{job} is neither a cluster (3) nor a job (3.0)")
    return JobName(cluster=int(found[1]), proc=None if found[2] is None else int(found[2]))


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool that does something to jobs."""

    name: str
    options: tuple[str, ...] = ()
    states: Collection[int] = AT_WORK
    """JobStatus of the jobs that it does something to."""

    def argv(
        self, jobs: Iterable[object], *, reason: str | None = None, subcode: int | None = None
    ) -> list[str]:
        """Return its command line for jobs; the reason and its subcode are of ``condor_hold``."""
        words = [] if reason is None else ["-reason", reason]
        words += [] if subcode is None else ["-subcode", str(subcode)]
        return [self.name, *self.options, *words, *map(str, jobs)]


CONDOR_HOLD = Tool(name="condor_hold", states=(IDLE, *AT_WORK))
CONDOR_RELEASE = Tool(name="condor_release", states=(HELD,))
CONDOR_RM = Tool(name="condor_rm", states=(IDLE, *AT_WORK, HELD))
CONDOR_SUSPEND = Tool(name="condor_suspend", states=(RUNNING,))
CONDOR_CONTINUE = Tool(name="condor_continue", states=(SUSPENDED,))
CONDOR_VACATE_JOB = Tool(name="condor_vacate_job")
CONDOR_VACATE_JOB_FAST = Tool(name="condor_vacate_job", options=("-fast",))


def queue_at(node: Node, which: Sequence[str], constraint: str | None = None) -> Queue:
    """Return the jobs in the queue of an access point.

    Args:
        node: The access point.
        which: Arguments of condor_q that name jobs.
        constraint: The constraint among them, for the error if it is not a ClassAd expression.

    Raises:
        UsageError: The constraint is not a ClassAd expression.
        PoolNotReady: The schedd does not answer.
    """
    argv = ["condor_q", *which, "-json", "-attributes", _ATTRIBUTES]
    ads = json.loads(ask(node, argv, constraint) or "[]")
    return {
        (ad["ClusterId"], ad["ProcId"]): QueuedAd(
            status=ad["JobStatus"],
            entered_at=ad.get("EnteredCurrentStatus", 0),
            owner=str(ad.get("Owner", "")),
        )
        for ad in ads
    }
