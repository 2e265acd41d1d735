"""Faults of jobs: hold, release, evict, vacate, remove."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, NotFound, PoolNotReady, UsageError
from condor_mini.faults.action import Action, Target, run
from condor_mini.jobs.job_ads import (
    AT_WORK,
    HELD,
    IDLE,
    STATES,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_ID = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?", re.ASCII)
REASON = "a fault of condor-mini"


@dataclass(frozen=True, kw_only=True)
class _Act:
    """What is done to jobs, and in which states they must be."""

    command: tuple[str, ...]
    states: Collection[int]

    def look(self, target: Target) -> str:
        """Return the ids of the jobs; raise ``NotFound`` if none is there in such a state."""
        constraint = constraint_of(target.jobs)
        argv = ["condor_q", "-allusers", "-constraint", constraint]
        argv += ["-af:j", "JobStatus"]
        result = target.node.exec(argv, user="root")
        if result.returncode != 0:
            if "constraint" in result.stderr.lower():
                raise UsageError(f"{constraint}: HTCondor refuses it: {result.stderr.strip()}")
            raise PoolNotReady(
                f"the schedd of {target.node.name} does not answer: {result.stderr.strip()}",
                hint=f"See why: condor-mini doctor -n {target.node.pool}",
            )
        found = dict(line.split() for line in result.stdout.splitlines())
        fit = [job for job, state in found.items() if int(state) in self.states]
        if fit:
            return " ".join(fit)
        asked = " ".join(target.jobs)
        states = sorted({STATES.get(int(state), state) for state in found.values()})
        why = f"none of {asked} can be: {', '.join(states)}" if found else f"no job is {asked}"
        raise NotFound(
            f"{why}, on {target.node.name}",
            hint=f"See the queue: condor-mini queue -n {target.node.pool}",
        )

    def strike(self, target: Target, jobs: str) -> None:
        """Do it to those jobs."""
        run(target.node, *self.command, *jobs.split())


def constraint_of(jobs: Sequence[str]) -> str:
    """Return the ClassAd expression that is true for jobs, given by ids or by an expression.

    Raises:
        UsageError: There is none, or an expression beside others.
    """
    ids = [_ID.fullmatch(job) for job in jobs]
    if jobs and all(ids):
        return " || ".join(
            f"(ClusterId == {found[1]} && ProcId == {found[2]})"
            if found[2]
            else f"ClusterId == {found[1]}"
            for found in ids
            if found
        )
    if len(jobs) == 1 and jobs[0].strip():
        return jobs[0]
    raise UsageError(
        "give ids of jobs (12.0), of clusters (12), or one ClassAd expression in quotes",
        hint="An example: 'Owner == \"jovyan\" && JobStatus == 2'",
    )


_NOT_ENDED = (IDLE, *AT_WORK)
_HOLD = _Act(command=(), states=_NOT_ENDED)


def _hold(target: Target, jobs: str) -> None:
    subcode = () if target.subcode is None else ("-subcode", str(target.subcode))
    reason = ("-reason", target.reason or REASON)
    run(target.node, "condor_hold", *reason, *subcode, *jobs.split())
    if target.code is not None:
        for job in jobs.split():
            _set_code(target, job, target.code)


def _set_code(target: Target, job: str, code: int) -> None:
    try:
        run(target.node, "condor_qedit", job, "HoldReasonCode", str(code))
    except CommandFailed as failure:
        raise PoolNotReady(
            f"job {job} is held, but its HoldReasonCode stays 1: {failure.stderr.strip()}"
        ) from None


def _action(act: _Act) -> Action:
    return Action(look=act.look, strike=act.strike)


ACTIONS = {
    "hold": Action(look=_HOLD.look, strike=_hold),
    "release": _action(_Act(command=("condor_release",), states=(HELD,))),
    "evict": _action(_Act(command=("condor_vacate_job", "-fast"), states=AT_WORK)),
    "vacate": _action(_Act(command=("condor_vacate_job",), states=AT_WORK)),
    "remove": _action(_Act(command=("condor_rm",), states=(*_NOT_ENDED, HELD))),
}
