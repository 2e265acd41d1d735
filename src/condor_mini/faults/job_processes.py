"""Faults of the processes of jobs, where they run: their starters, programs and sandboxes."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, NotFound, UsageError
from condor_mini.faults import processes
from condor_mini.faults.action import Action, Target, run
from condor_mini.faults.jobs import fit_jobs
from condor_mini.faults.joined import typed_there
from condor_mini.jobs.job_ads import AT_WORK, IDLE, RUNNING, node_of_slot
from condor_mini.jobs.tools import CONDOR_VACATE_JOB_FAST, queue_at
from condor_mini.reports.classads import ask

if TYPE_CHECKING:
    from collections.abc import Iterable

    from condor_mini.nodes.node import Node

SIGNAL = "KILL"
LIMIT_S = 1
"""A time limit that jobs exceed at once."""
BALLAST = ".condor-mini-fault"
"""The directory of what fills a sandbox. HTCondor brings files back, and no directories."""
EXCESS_KB = 1024
"""By how much it exceeds what the job requests."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a running job is: its node here, and its slot there."""

    job: str
    node: Node
    slot: str


def _look(target: Target) -> str:
    """Return the ids of the jobs that run; raises what ``fit_jobs`` raises."""
    return " ".join(fit_jobs(target, (RUNNING,)))


def places(target: Target, jobs: Iterable[str]) -> list[Place]:
    """Return where each of these jobs runs, by their ids.

    Raises:
        NotFound: A job does not run any more, or runs on a machine that is no node here.
    """
    nodes = {node.name: node for node in target.pool.reached_nodes}
    found = []
    for job in jobs:
        host = ask(target.node, ["condor_q", job, "-af", "RemoteHost"]).strip()
        slot = host.partition("@")[0]
        node = nodes.get(node_of_slot(host))
        if "@" not in host:
            raise NotFound(f"job {job} does not run")
        if node is None:
            raise NotFound(
                f"job {job} runs on {host}, which is no node here, and its processes are out of "
                "reach",
                hint=_struck_there(node_of_slot(host)),
            )
        found.append(Place(job=job, node=node, slot=slot))
    return found


def _struck_there(node: str) -> str:
    """Return what to type on the host of a node that has joined; empty for other machines."""
    typed = typed_there(node, lambda it: f"condor-mini fault kill {it} starter")
    kind = "Evict, hold or remove it: these faults strike jobs wherever they run"
    return f"{kind}. Or kill the starters of {node}, on its host: {typed}" if typed else kind


def _signalled(place: Place, name: str, found: list[str]) -> None:
    """Send a signal to processes; raise ``NotFound`` if none of them exists."""
    if not processes.signal(place.node, name, found):
        raise NotFound(f"job {place.job} has no process in {place.slot} of {place.node.name}")


def _kill_starters(target: Target, jobs: str) -> None:
    for place in places(target, jobs.split()):
        _signalled(place, "KILL", processes.starter(place.node, place.slot))


def _signal_name(target: Target) -> str:
    return (target.text("signal") or SIGNAL).upper().removeprefix("SIG")


def _look_to_signal(target: Target) -> str:
    if _signal_name(target) not in processes.SIGNALS:
        raise UsageError(
            f"there is no signal {_signal_name(target)}: "
            f"it is one of {', '.join(processes.SIGNALS)}"
        )
    return _look(target)


def _signal(target: Target, jobs: str) -> None:
    for place in places(target, jobs.split()):
        _signalled(place, _signal_name(target), processes.below_starter(place.node, place.slot))


def _look_to_lose(target: Target) -> str:
    path = posixpath.normpath(target.text("file") or ".")
    if path == "." or path.startswith(("/", "../")) or path == "..":
        raise UsageError("name the file to remove, by its path in the sandbox: --file out.txt")
    return _look(target)


def _lose(target: Target, jobs: str) -> None:
    file = target.text("file")
    for place in places(target, jobs.split()):
        sandbox = _sandbox(place)
        argv = ["rm", "-r", "--", posixpath.join(sandbox, file)]
        # Not as root: a link in the sandbox may lead anywhere.
        result = place.node.exec(argv, user=run(place.node, "stat", "-c", "%U", sandbox).strip())
        if result.returncode != 0:
            raise NotFound(
                f"{file} is not in the sandbox of job {place.job}: {result.stderr.strip()}"
            )


def _sandbox(place: Place) -> str:
    """Return the directory that a job runs in: ``dir_PID``, or from 25 on ``dir_PID/scratch``.

    Raises ``NotFound`` if the job does not run any more.
    """
    found = processes.starter(place.node, place.slot)
    if not found:
        raise NotFound(f"job {place.job} does not run any more")
    execute = run(place.node, "condor_config_val", "EXECUTE").strip()
    outer = f"{execute}/dir_{found[0].partition(':')[0]}"
    has_inner = place.node.exec(["test", "-d", f"{outer}/scratch"], user="root").returncode == 0
    return f"{outer}/scratch" if has_inner else outer


def _fill(target: Target, jobs: str) -> None:
    for place in places(target, jobs.split()):
        asked = ask(target.node, ["condor_q", place.job, "-af", "RequestDisk"]).strip()
        sandbox = _sandbox(place)
        user = run(place.node, "stat", "-c", "%U", sandbox).strip()
        directory = f"{sandbox}/{BALLAST}"
        for argv in (
            ["mkdir", "-p", directory],
            ["fallocate", "-l", f"{int(asked) + EXCESS_KB}K", f"{directory}/ballast"],
        ):
            result = place.node.exec(argv, user=user)
            if result.returncode != 0:
                raise CommandFailed(argv, result.returncode, result.stderr or result.stdout)


def _look_to_limit(target: Target) -> str:
    return " ".join(fit_jobs(target, (IDLE, *AT_WORK)))


def _limit(target: Target, jobs: str) -> None:
    for job in jobs.split():
        run(target.node, "condor_qedit", job, "AllowedExecuteDuration", str(LIMIT_S))
    # A job that runs is judged by the ad that it was started with.
    queue = queue_at(target.node, ["-allusers", *jobs.split()])
    at_work = [f"{c}.{p}" for (c, p), seen in sorted(queue.items()) if seen.status in AT_WORK]
    if at_work:
        run(target.node, *CONDOR_VACATE_JOB_FAST.argv(at_work))


ACTIONS = {
    "kill-starter": Action(look=lambda t: " ".join(fit_jobs(t, AT_WORK)), strike=_kill_starters),
    "signal": Action(look=_look_to_signal, strike=_signal),
    "lose-file": Action(look=_look_to_lose, strike=_lose),
    "fill-sandbox": Action(look=_look, strike=_fill),
    "time-limit": Action(look=_look_to_limit, strike=_limit),
}
