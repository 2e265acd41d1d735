"""A fault of jobs: out of memory, for real."""

from __future__ import annotations

import re
from importlib import resources

from condor_mini.base.errors import EngineCapabilityError, NotFound
from condor_mini.faults import pressure, processes
from condor_mini.faults.action import Action, Target, run
from condor_mini.faults.job_processes import Place, places
from condor_mini.faults.jobs import fit_jobs
from condor_mini.jobs.job_ads import RUNNING
from condor_mini.reports.classads import ask

TIMEOUT_S = 60.0
EXCESS_MB = 32
"""By how much a job exceeds its memory where HTCondor is to see that."""
USUAL_MB = 128
"""What a job has that requests nothing (JOB_DEFAULT_REQUESTMEMORY, param_info.in)."""
BEYOND = 2
"""How often the limit of a node is tried to be used up: there may be as much swap."""
_BY_MEMORY = re.compile("MemoryUsage|ResidentSetSize|ImageSize", re.IGNORECASE)
"""The attributes by which HTCondor sees what memory a job uses."""
_AMOUNTS = ("RequestMemory", "MemoryProvisioned")
POLICY = "MEMORY_EXCEEDED"
"""The knob of HTCondor's policy HOLD_IF_MEMORY_EXCEEDED, and of its like (param_info.in)."""


def _look(target: Target) -> str:
    """Return each job with what is to happen to it: ``7.0 end 600 8.0 use 160``."""
    jobs = fit_jobs(target, (RUNNING,))
    return " ".join(f"{place.job} {_plan(target, place)}" for place in places(target, jobs))


def _plan(target: Target, place: Place) -> str:
    """Return what to wait for, and how many MiB it takes; raise if nothing would end the job."""
    processes.require_namespaces(
        place.node, f"what job {place.job} uses is not found in time: PRoot makes each look slow"
    )
    limit, taken, left = pressure.room(place.node)
    if limit:
        wanted, until = BEYOND * limit, "end"
        needed = limit - taken
    else:
        wanted, until = _more_than_allowed(target, place), "use"
        needed = wanted
    if needed > int(left * (1 - pressure.LEFT_FREE)):
        raise EngineCapabilityError(
            f"job {place.job} would use {needed} MiB of memory on {place.node.name}: "
            f"{left} MiB are free",
            hint="Give the node a smaller limit in the pool file, or request less memory",
        )
    return f"{until} {wanted}"


def _more_than_allowed(target: Target, place: Place) -> int:
    """Return what HTCondor holds a job for; raise if it holds this job for no memory."""
    argv = ["condor_q", place.job, "-af:t", *_AMOUNTS, "unparse(PeriodicHold)"]
    *amounts, hold = (*ask(target.node, argv).strip().split("\t"), "", "", "")[:3]
    if not _BY_MEMORY.search(hold) and not _has_policy(place):
        raise EngineCapabilityError(
            f"nothing ends job {place.job} for its memory: {place.node.name} has no memory limit, "
            "and no policy of HTCondor's looks at it",
            hint="Give the node a limit in the pool file: limit: {memory: 1G}. Or submit the job "
            "with periodic_hold = MemoryUsage > RequestMemory",
        )
    known = (int(amount) for amount in amounts if amount.isdecimal())
    return max(known, default=USUAL_MB) + EXCESS_MB


def _has_policy(place: Place) -> bool:
    return place.node.exec(["condor_config_val", POLICY], user="root").returncode == 0


def _strike(target: Target, plans: str) -> None:
    words = plans.split()
    for job, until, wanted in zip(words[::3], words[1::3], words[2::3], strict=True):
        for place in places(target, [job]):
            _take(place, until, wanted)


def _take(place: Place, until: str, wanted: str) -> None:
    first = processes.below_starter(place.node, place.slot)
    if not first:
        raise NotFound(f"job {place.job} does not run any more")
    argv = ("sh", "-s", "take", until, wanted, first[0])
    script = (resources.files(__package__) / "memory.sh").read_text("utf-8")
    run(place.node, *argv, stdin=script, timeout_s=TIMEOUT_S)


ACTIONS = {"out-of-memory": Action(look=_look, strike=_strike)}
