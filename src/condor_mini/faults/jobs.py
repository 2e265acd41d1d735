"""Faults of jobs that HTCondor's own tools make: hold, suspend, evict and their like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, NotFound, PoolNotReady, UsageError
from condor_mini.faults import processes
from condor_mini.faults.action import Action, Target, run
from condor_mini.jobs.job_ads import STATES
from condor_mini.jobs.tools import (
    CONDOR_CONTINUE,
    CONDOR_HOLD,
    CONDOR_RELEASE,
    CONDOR_RM,
    CONDOR_SUSPEND,
    CONDOR_VACATE_JOB,
    CONDOR_VACATE_JOB_FAST,
    JOB,
    Tool,
    job_name,
    queue_at,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

REASON = "a fault of condor-mini"


def fit_jobs(target: Target, states: Collection[int]) -> list[str]:
    """Return the ids of the target's jobs that are in such a state.

    Raises:
        UsageError: Something is neither ids nor a ClassAd expression.
        NotFound: There is no such job in such a state.
        PoolNotReady: The schedd does not answer.
    """
    constraint = constraint_of(target.jobs)
    which = ["-allusers", "-constraint", constraint]
    queue = queue_at(target.node, which, constraint)
    fit = [f"{c}.{p}" for (c, p), job in sorted(queue.items()) if job.status in states]
    if fit:
        return fit
    asked = " ".join(target.jobs)
    found = sorted({STATES.get(job.status, str(job.status)) for job in queue.values()})
    why = f"none of {asked} can be: {', '.join(found)}" if found else f"no job is {asked}"
    raise NotFound(
        f"{why}, on {target.node.name}",
        hint=f"See the queue: condor-mini queue -n {target.node.pool}",
    )


@dataclass(frozen=True, kw_only=True)
class _ByTool:
    """What one of HTCondor's tools does to jobs."""

    tool: Tool

    def look(self, target: Target) -> str:
        """Return the ids of the jobs; raises what ``fit_jobs`` raises."""
        return " ".join(fit_jobs(target, self.tool.states))

    def strike(self, target: Target, jobs: str) -> None:
        """Do it to those jobs."""
        run(target.node, *self.tool.argv(jobs.split()))


def constraint_of(jobs: Sequence[str]) -> str:
    """Return the ClassAd expression that is true for jobs, given by ids or by an expression.

    Raises:
        UsageError: There is none, or an expression beside others.
    """
    if jobs and all(map(JOB.fullmatch, jobs)):
        return " || ".join(job_name(job).constraint for job in jobs)
    if len(jobs) == 1 and jobs[0].strip():
        return jobs[0]
    raise UsageError(
        "give ids of jobs (12.0), of clusters (12), or one ClassAd expression in quotes",
        hint="An example: 'Owner == \"jovyan\" && JobStatus == 2'",
    )


def _hold(target: Target, jobs: str) -> None:
    reason = target.text("reason") or REASON
    subcode = round(target.number("subcode")) if "subcode" in target.options else None
    run(target.node, *CONDOR_HOLD.argv(jobs.split(), reason=reason, subcode=subcode))
    if "code" in target.options:
        for job in jobs.split():
            _set_code(target, job, round(target.number("code")))


def _set_code(target: Target, job: str, code: int) -> None:
    try:
        run(target.node, "condor_qedit", job, "HoldReasonCode", str(code))
    except CommandFailed as failure:
        raise PoolNotReady(
            f"job {job} is held, but its HoldReasonCode stays 1: {failure.stderr.strip()}"
        ) from None


def _look_to_suspend(target: Target) -> str:
    processes.require_stopping(target.node)
    return _SUSPEND.look(target)


_SUSPEND = _ByTool(tool=CONDOR_SUSPEND)


def _action(tool: Tool) -> Action:
    act = _ByTool(tool=tool)
    return Action(look=act.look, strike=act.strike)


ACTIONS = {
    "hold": Action(look=_ByTool(tool=CONDOR_HOLD).look, strike=_hold),
    "release": _action(CONDOR_RELEASE),
    "evict": _action(CONDOR_VACATE_JOB_FAST),
    "vacate": _action(CONDOR_VACATE_JOB),
    "remove": _action(CONDOR_RM),
    "suspend": Action(look=_look_to_suspend, strike=_SUSPEND.strike),
    "continue": _action(CONDOR_CONTINUE),
}
