"""Remove, hold and release jobs, over all access points.

HTCondor's tools say in words what became of each job. So the queue is asked before and after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError, NotFound, UsageError
from condor_mini.base.layout import USER
from condor_mini.base.parallel import each
from condor_mini.base.progress import Progress
from condor_mini.jobs.access_points import running_access_points
from condor_mini.jobs.job_ads import HELD, REMOVED
from condor_mini.jobs.tools import (
    CONDOR_HOLD,
    CONDOR_RELEASE,
    CONDOR_RM,
    Job,
    JobName,
    Queue,
    QueuedAd,
    Tool,
    job_name,
    queue_at,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

MOST_LINES = 10
"""Number of lines, or of missing jobs, that an error has."""
ACTION_TIMEOUT_S = 600.0
"""The schedd answers when it has changed all jobs; there may be tens of thousands."""
_SILENT = Progress()


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something that is done to jobs."""

    tool: Tool
    done: str
    """What was done, at the beginning of a sentence."""
    already: str
    """What a job is that was so before."""
    is_wanted: Callable[[QueuedAd | None], bool]
    """Whether a job, or None for one that has left the queue, is as the action leaves it."""
    may_be_undone: bool = False
    """Whether the job's own policy may undo it at once."""


REMOVE = Action(
    tool=CONDOR_RM,
    done="Removed",
    already="being removed",
    is_wanted=lambda job: job is None or job.status == REMOVED,
)
HOLD = Action(
    tool=CONDOR_HOLD,
    done="Held",
    already="held",
    is_wanted=lambda job: job is None or job.status == HELD,
)
RELEASE = Action(
    tool=CONDOR_RELEASE,
    done="Released",
    already="not held",
    is_wanted=lambda job: job is None or job.status != HELD,
    may_be_undone=True,
)


@dataclass(frozen=True, kw_only=True)
class ChangedJobs:
    """What became of the jobs of one cluster that were to be removed, held or released."""

    access_point: str
    """Name of the node whose queue they are in."""
    cluster: int
    changed: tuple[int, ...]
    """Numbers of the jobs in the cluster that were changed."""
    unchanged: tuple[int, ...]
    """Numbers of the jobs that were so before."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an action came to."""

    clusters: list[ChangedJobs]
    failure: CondorMiniError | None
    """The error if jobs are in no queue, or were refused. The others were changed all the same."""

    def checked(self) -> list[ChangedJobs]:
        """Return what became of the jobs; raises the failure if there is one."""
        if self.failure is not None:
            raise self.failure
        return self.clusters


def act(
    pool: PoolNodes,
    action: Action,
    jobs: Iterable[int | str] | None,
    *,
    node: str | None = None,
    reason: str | None = None,
    progress: Progress = _SILENT,
) -> Outcome:
    """Do something to jobs, as the ordinary user.

    Args:
        pool: Pool whose jobs they are.
        action: ``REMOVE``, ``HOLD`` or ``RELEASE``.
        jobs: Numbers of clusters (``3``) and ids of jobs (``3.0``). None for all of the ordinary
            user's.
        node: Name of the one access point to search. None for all.
        reason: What the jobs are held for.
        progress: Receives a note on each access point that does not run.

    Raises:
        UsageError: Something is no job id, the reason is not one line, or several access points
            have such a job.
        NotFound: There is no such pool or access point.
        PoolNotReady: No access point runs, or a schedd does not answer.
    """
    wanted = None if jobs is None else [*dict.fromkeys(map(job_name, jobs))]
    if reason is not None and (not reason.strip() or len(reason.splitlines()) != 1):
        raise UsageError("the reason must be one line of text")
    nodes = running_access_points(pool, node, progress=progress)
    if wanted == []:  # without a number, condor_q would have all jobs
        return Outcome(clusters=[], failure=None)
    queues = each(lambda place: _queue_of(place, wanted), nodes)
    _check_unambiguous(nodes, queues, wanted or ())
    clusters: list[ChangedJobs] = []
    failures: list[CondorMiniError] = []
    for place, queue in zip(nodes, queues, strict=True):
        named = _clusters(queue) if wanted is None else wanted
        ids = [one for one in named if one.is_in(queue)]
        refused, output = _change(place, action, queue, ids, reason)
        if refused:
            failures.append(_refusal(place, action, refused, output))
        clusters += _changed(place, action, queue, refused)
    missing = [one for one in wanted or () if not any(one.is_in(queue) for queue in queues)]
    if missing:
        failures.append(_absence(pool, missing))
    return Outcome(clusters=clusters, failure=next(iter(failures), None))


def _queue_of(node: Node, wanted: Sequence[JobName] | None) -> Queue:
    """Return the jobs that are wanted, or the ordinary user's for None."""
    # Without -allusers and as the ordinary user, condor_q has this user's jobs (its manual).
    which = () if wanted is None else ("-allusers", *map(str, wanted))
    return queue_at(node, which)


def _clusters(queue: Queue) -> list[JobName]:
    numbers = dict.fromkeys(cluster for cluster, _ in sorted(queue))
    return [JobName(cluster=number, proc=None) for number in numbers]


def _check_unambiguous(
    nodes: Sequence[Node], queues: Sequence[Queue], wanted: Iterable[JobName]
) -> None:
    """Refuse a number that several access points have: each counts its clusters from 1."""
    for one in wanted:
        found = [node.name for node, queue in zip(nodes, queues, strict=True) if one.is_in(queue)]
        if len(found) > 1:
            raise UsageError(
                f"there is a {one.words} at each of the access points {', '.join(found)}",
                hint=f"Name the one that you mean: --node {found[0]}",
            )


def _change(
    node: Node, action: Action, queue: Queue, ids: Sequence[JobName], reason: str | None
) -> tuple[Queue, str]:
    """Run the tool, and return the jobs that are as they were, and what it says of them."""
    to_change = {job: seen for job, seen in queue.items() if not action.is_wanted(seen)}
    if not to_change:
        return {}, ""
    argv = action.tool.argv(ids, reason=reason)
    result = node.exec(argv, timeout_s=ACTION_TIMEOUT_S)
    after = _queue_of(node, ids)
    refused = {
        job: seen
        for job, seen in to_change.items()
        if not action.is_wanted(after.get(job))
        # A released job may be held again before we look.
        and not (action.may_be_undone and after[job].entered_at != seen.entered_at)
    }
    return refused, (result.stderr.strip() or result.stdout.strip())


def _changed(
    node: Node, action: Action, queue: Queue, refused: Collection[Job]
) -> list[ChangedJobs]:
    found: dict[int, tuple[list[int], list[int]]] = {}
    for job, seen in sorted(queue.items()):
        if job not in refused:
            changed, unchanged = found.setdefault(job[0], ([], []))
            (unchanged if action.is_wanted(seen) else changed).append(job[1])
    return [
        ChangedJobs(
            access_point=node.name,
            cluster=cluster,
            changed=tuple(changed),
            unchanged=tuple(unchanged),
        )
        for cluster, (changed, unchanged) in found.items()
    ]


def _refusal(node: Node, action: Action, refused: Queue, output: str) -> CondorMiniError:
    owners = {seen.owner for seen in refused.values()}
    hint = None
    if not node.has_one_user and owners != {USER}:
        owner = min(owners - {USER})
        hint = (
            f"The user {owner} can: condor-mini exec -n {node.pool} --node {node.name} "
            f"--user {owner} -- {action.tool.name} JOB"
        )
    first = ".".join(map(str, min(refused)))
    which = f"job {first}" if len(refused) == 1 else f"{len(refused)} jobs, the first one {first}"
    lines = "\n".join(output.splitlines()[:MOST_LINES]) or "(no output)"
    return CondorMiniError(
        f"{action.tool.name} on {node.name} did not change {which}:\n{lines}", hint=hint
    )


def _absence(pool: PoolNodes, missing: Sequence[JobName]) -> NotFound:
    named = ", ".join(one.words for one in missing[:MOST_LINES])
    more = f" and {len(missing) - MOST_LINES} more" if len(missing) > MOST_LINES else ""
    return NotFound(
        f"no queue of the pool {pool.name} has {named}{more}",
        hint=f"See the queue: condor-mini queue -n {pool.name}",
    )
