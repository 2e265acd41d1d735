"""A workload on a pool of nodes that something bad happens to.

The pool has a central manager, an access point and three execution points with 16 slots each. The
fault strikes when a tenth of the 500 short jobs has ended, while 20 long ones run. A job has
*completed* if it is in the history once, with exit code 0, its event log tells of its end, and its
output is its own and whole. *Recovery* is the time from the end of the fault until each node that
it struck does its role's work. *Mishaps* are what the event log tells, each kind once.
[What happens to jobs when something fails](../explanation/faults.md) explains them.
"""

from __future__ import annotations

import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.faulting import FAULTS, Fault, World
from bench.figures import Result
from bench.options import say
from bench.peers import new_name
from bench.workload import Account, Workload, await_healthy
from condor_mini import Pool, PoolSpec, Scenario
from condor_mini.base.errors import CondorMiniError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.options import Options

HEALTHY_S = 180.0
END_S = 600.0
HEADING = (*("fault", "completed", "more than once", "lost", "held", "recovery", "mishaps"),)


def measure(options: Options) -> Result:
    """Strike with each fault that is asked for."""
    names = options.faults or tuple(FAULTS)
    return Result(table=(HEADING, *(tried(FAULTS[name], options) for name in names)))


def tried(fault: Fault, options: Options) -> tuple[str, ...]:
    """Strike a pool with a fault, if it can be done here; return the row that tells of it."""
    what = f"`{fault.name}`: {fault.what}"
    if reason := fault.needs(options.restart_engine):
        return cells(what, f"skipped: {reason}")
    try:
        row = run(fault, options)
    except CondorMiniError as failure:
        traceback.print_exc()
        row = cells(what, f"failed: {failure.message}")
    say(" | ".join(row))
    return row


def cells(*words: str) -> tuple[str, ...]:
    """Return a row that begins with these words."""
    return (*words, *[""] * (len(HEADING) - len(words)))


def pool_spec(name: str, differing: Mapping[str, Any]) -> PoolSpec:
    """A central manager, an access point, three execution points with 16 cores each."""
    differing = dict(differing)
    volumes, limit = differing.pop("volumes", []), differing.pop("limit", {})
    return PoolSpec.model_validate(
        {
            "version": 1,
            "name": name,
            # What is measured is not to wait behind the workload.
            "probe_job": False,
            "central_manager": {"volumes": volumes},
            "access_points": [{"name": "default", "volumes": volumes}],
            "execution_points": [
                {
                    "name": "default",
                    "count": 3,
                    "cpus": 16,
                    "memory": "16GB",
                    "volumes": volumes,
                    "limit": limit,
                }
            ],
            **differing,
        }
    )


def run(fault: Fault, options: Options) -> tuple[str, ...]:
    """Return the row of a fault, from a pool of its own."""
    name = new_name()
    with tempfile.TemporaryDirectory(prefix="condor-mini-faults-") as folder:
        place = Path(folder)
        with Pool.create(spec=pool_spec(name, fault.spec(place)), engine="docker") as pool:
            short, long = options.times(500, 100), options.times(20, 4)
            workload = Workload(pool=pool, name="work", short=short, long=long)
            world = World(
                pool=pool, workload=workload, place=place, restart_engine=options.restart_engine
            )
            fault.prepare(world)
            return struck(fault, world, options)


def struck(fault: Fault, world: World, options: Options) -> tuple[str, ...]:
    """Return the row of a fault, from a pool that is there."""
    workload = world.workload
    workload.submit()
    workload.await_running("long", workload.long)
    recovery = (by_scenario if fault.steps else by_hand)(fault, world)
    account = workload.account()
    for line in account.lost[:10]:
        say(f"{fault.name}: {line}")
    if not account.is_whole and options.logs:
        world.pool.export_logs(Path(options.logs) / fault.name)
    return row(fault, account, recovery)


def by_scenario(fault: Fault, world: World) -> str:
    """Run a fault as a scenario beside the workload; return how long its nodes took to recover."""
    scenario = Scenario.load(f"version: 1\ntimeout: {END_S:g}s\nsteps:\n{fault.steps}\n")
    result = world.pool.run_scenario(scenario)
    for problem in result.problems:
        say(f"{fault.name}: {problem}")
    times = [
        one.recovered_s - (one.ended_s or one.struck_s or 0.0)
        for one in result.faults
        if one.recovered_s is not None
    ]
    missing = [one.problem or "not in time" for one in result.faults if one.recovered_s is None]
    return f"none: {missing[0]}" if missing else f"{max(times):.1f} s"


def by_hand(fault: Fault, world: World) -> str:
    """Strike the pool when a tenth of the short jobs have ended; how long it took to recover."""
    workload = world.workload
    workload.await_ended(workload.short // 10, timeout_s=120)
    fault.strike(world)
    over = time.monotonic()
    try:
        recovery = f"{await_healthy(world.pool, timeout_s=HEALTHY_S):.1f} s"
    except CondorMiniError as failure:
        recovery = f"none: {failure.message}"
    try:
        workload.await_end(timeout_s=END_S - (time.monotonic() - over))
    except CondorMiniError as failure:
        say(f"{fault.name}: {failure.message}")
    return recovery


def row(fault: Fault, account: Account, recovery: str) -> tuple[str, ...]:
    """Return the row of a workload's account."""
    return (
        f"`{fault.name}`: {fault.what}",
        f"{account.completed} of {account.jobs}",
        str(account.again),
        str(len(account.lost) - account.held),
        str(account.held),
        recovery,
        "; ".join(account.said).replace("|", "/"),
    )
