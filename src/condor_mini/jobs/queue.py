"""The jobs in the queues of a pool: one by one, and summed up by cluster."""

from __future__ import annotations

import json
import posixpath
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from condor_mini.base.parallel import each
from condor_mini.base.progress import Progress
from condor_mini.base.times import rfc3339
from condor_mini.jobs.access_points import running_access_points
from condor_mini.jobs.job_ads import AT_WORK, HELD, REMOVED, STATES, node_of_slot
from condor_mini.reports.classads import ask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

_SILENT = Progress()
_ATTRIBUTES = (
    *("ClusterId", "ProcId", "Owner", "JobStatus", "EnteredCurrentStatus", "JobUniverse"),
    *("Cmd", "SUBMIT_Cmd", "Args", "Arguments", "JobDescription"),
    *("RemoteHost", "HoldReason", "RemoveReason"),
)
"""HTCondor's manual, appendix "Job ClassAd Attributes"."""
_ORDER = {state: place for place, state in enumerate(STATES.values())}
_ON_ACCESS_POINT = (7, 12)
"""JobUniverse of scheduler and local universe jobs, which run beside the schedd."""


@dataclass(frozen=True, kw_only=True)
class QueuedJob:
    """A job in the queue of an access point."""

    access_point: str
    """Name of the node."""
    cluster: int
    proc: int
    owner: str
    state: str
    """``idle``, ``running``, ``held``, ``transferring``, ``suspended``, ``removed``, ``completed``.

    A removed or completed job leaves the queue soon, except one whose output is still in the spool.
    """
    since: datetime | None
    """When it came into this state, by the access point's clock."""
    command: str
    """The job's description, or its program's name and arguments."""
    slot: str | None
    """The slot that it has: ``slot1_1@ci-execute-1.nodes.internal``."""
    node: str | None
    """The name of the node that it runs on, or of another machine in the pool."""
    reason: str | None
    """Why it is held, or was removed."""

    @property
    def id(self) -> str:
        """The job's id: ``3.0``."""
        return f"{self.cluster}.{self.proc}"

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that docs/reference/json.md describes."""
        return {
            "access_point": self.access_point,
            "cluster": self.cluster,
            "proc": self.proc,
            "owner": self.owner,
            "state": self.state,
            "since": rfc3339(self.since) if self.since else None,
            "command": self.command,
            "slot": self.slot,
            "node": self.node,
            "reason": self.reason,
        }


@dataclass(frozen=True, kw_only=True)
class QueuedCluster:
    """The jobs of one cluster that are in the queue, summed up."""

    access_point: str
    cluster: int
    owner: str
    states: Mapping[str, int]
    """Number of jobs in each state, in the order of ``JobStatus``."""
    since: datetime | None
    """Since when its first job has been in its state."""
    command: str
    """What the first of its jobs runs; other jobs may have other arguments."""
    nodes: Mapping[str, int]
    """Number of jobs that run on each node, by the node's name."""
    reasons: Mapping[str, int]
    """Number of jobs that are held or removed for each reason, the most frequent one first."""


def queue(pool: PoolNodes, *, progress: Progress = _SILENT) -> list[QueuedJob]:
    """Return the jobs in the queues of all access points that run, by access point and id.

    Args:
        pool: Pool to query.
        progress: Receives a note on each access point that does not run.

    Raises:
        NotFound: There is no such pool, or it has no access point here.
        PoolNotReady: No access point runs, or a schedd does not answer.
    """
    found = each(_queue_of, running_access_points(pool, progress=progress))
    return [job for jobs in found for job in jobs]


def by_cluster(jobs: Iterable[QueuedJob]) -> list[QueuedCluster]:
    """Return the clusters of these jobs, in the order of their first jobs."""
    found: dict[tuple[str, int], list[QueuedJob]] = {}
    for job in jobs:
        found.setdefault((job.access_point, job.cluster), []).append(job)
    return [_summed_up(together) for together in found.values()]


def by_state(jobs: Iterable[QueuedJob]) -> dict[str, int]:
    """Return the number of jobs in each state, in the order of ``JobStatus``."""
    found = Counter(job.state for job in jobs)
    return dict(sorted(found.items(), key=lambda item: _ORDER.get(item[0], len(_ORDER))))


def _summed_up(jobs: Sequence[QueuedJob]) -> QueuedCluster:
    return QueuedCluster(
        access_point=jobs[0].access_point,
        cluster=jobs[0].cluster,
        owner=jobs[0].owner,
        states=by_state(jobs),
        since=min((job.since for job in jobs if job.since), default=None),
        command=jobs[0].command,
        nodes=dict(sorted(Counter(job.node for job in jobs if job.node).items())),
        reasons=dict(Counter(job.reason for job in jobs if job.reason).most_common()),
    )


def _queue_of(node: Node) -> list[QueuedJob]:
    argv = ["condor_q", "-allusers", "-json", "-attributes", ",".join(_ATTRIBUTES)]
    ads = json.loads(ask(node, argv) or "[]")
    jobs = [_job(node.name, ad) for ad in ads]
    return sorted(jobs, key=lambda job: (job.cluster, job.proc))


def _job(access_point: str, ad: Mapping[str, Any]) -> QueuedJob:
    status, entered = ad["JobStatus"], ad.get("EnteredCurrentStatus")
    slot = ad.get("RemoteHost") if status in AT_WORK else None
    beside = status in AT_WORK and ad.get("JobUniverse") in _ON_ACCESS_POINT
    reason = {HELD: ad.get("HoldReason"), REMOVED: ad.get("RemoveReason")}.get(status)
    return QueuedJob(
        access_point=access_point,
        cluster=ad["ClusterId"],
        proc=ad["ProcId"],
        owner=str(ad.get("Owner", "")),
        state=STATES.get(status, str(status)),
        since=datetime.fromtimestamp(entered, UTC) if entered else None,
        command=_command(ad),
        slot=slot,
        node=access_point if beside else node_of_slot(slot) if slot else None,
        reason=reason,
    )


def _command(ad: Mapping[str, Any]) -> str:
    if description := ad.get("JobDescription"):
        return str(description)
    program = posixpath.basename(str(ad.get("SUBMIT_Cmd") or ad.get("Cmd", "")))
    return f"{program} {ad.get('Arguments') or ad.get('Args') or ''}".strip()
