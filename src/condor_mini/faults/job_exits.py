"""A fault of jobs: their program exits with a status of our choice."""

from __future__ import annotations

from importlib import resources

from condor_mini.base.errors import CommandFailed, EngineCapabilityError, NotFound, PoolNotReady
from condor_mini.base.waiting import wait_until
from condor_mini.engine import NamespaceKeeper
from condor_mini.engine.several import engine_at, host_of
from condor_mini.faults import beside, processes
from condor_mini.faults.action import Action, Target, run
from condor_mini.faults.job_processes import Place, places
from condor_mini.faults.jobs import fit_jobs
from condor_mini.jobs.job_ads import RUNNING

SCRIPT = "exit.sh"
END_TIMEOUT_S = 10.0


def _look(target: Target) -> str:
    """Return the ids of the jobs that run; raise if the program of one cannot be changed."""
    jobs = fit_jobs(target, (RUNNING,))
    for place in places(target, jobs):
        processes.require_stopping(place.node)
        if _is_beside(place):
            beside.prepare(place.node, target.progress)
        try:
            _run(place, "try", *_programs(place))
        except CommandFailed as failure:
            raise EngineCapabilityError(
                f"job {place.job} cannot be made to exit on {place.node.name}: "
                f"{failure.stderr.strip()}",
                hint="It needs a process that may trace the job's. Without a container engine the "
                "kernel may forbid that: sudo sysctl kernel.yama.ptrace_scope=0",
            ) from None
    return " ".join(jobs)


def _programs(place: Place) -> list[str]:
    """Return the first process of a job; raise ``NotFound`` if there is none."""
    if found := processes.below_starter(place.node, place.slot):
        return found
    raise NotFound(f"job {place.job} has no process in {place.slot} of {place.node.name}")


def _strike(target: Target, jobs: str) -> None:
    for place in places(target, jobs.split()):
        _let_exit(place, round(target.number("code")))


def _let_exit(place: Place, code: int) -> None:
    """Let the program of a job exit; raise ``PoolNotReady`` if it has not ended in time."""
    found = _programs(place)
    processes.signal(place.node, "STOP", found)
    try:
        _run(place, "make", str(code), *found)
    finally:
        processes.signal(place.node, "CONT", found)

    def goes_on() -> str | None:
        left = {*found} & {*processes.below_starter(place.node, place.slot)}
        return f"the program of job {place.job} goes on" if left else None

    wait_until(goes_on, timeout_s=END_TIMEOUT_S, error=PoolNotReady)


def _is_beside(place: Place) -> bool:
    engine = engine_at(place.node.engine, host_of(place.node.info.id))
    return isinstance(engine, NamespaceKeeper)


def _run(place: Place, *words: str) -> None:
    """Run the script as somebody who may trace the job's program, which no user of a node may.

    Without containers that is the job's own user.
    """
    node = place.node
    if _is_beside(place):
        beside.run_in_mounts(node, SCRIPT, *words)
        return
    pid = _programs(place)[0].partition(":")[0]
    user = run(node, "stat", "-c", "%U", f"/proc/{pid}").strip()
    script = (resources.files(__package__) / SCRIPT).read_text("utf-8")
    result = node.exec(["sh", "-s", *words], user=user, stdin=script, timeout_s=beside.TIMEOUT_S)
    if result.returncode != 0:
        raise CommandFailed(result.argv, result.returncode, result.stderr or result.stdout)


ACTIONS = {"exit": Action(look=_look, strike=_strike)}
