"""Runs a workload on a real pool and does something bad to the pool meanwhile, once for each fault.

    .venv/bin/python bench/faults.py [--faults NAME,...] [--jobs 500] [--long 20]

Prints a Markdown table: what became of the jobs, and how long the pool took to recover. The engine
is Docker. Ends with 1 if a job is lost.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condor_mini import Pool, PoolSpec
from condor_mini.base.errors import CondorMiniError
from faulting import FAULTS, Fault, World
from workload import Account, Workload, await_healthy

if TYPE_CHECKING:
    from collections.abc import Mapping

HEALTHY_S = 180.0
END_S = 600.0
COLUMNS = "| fault | completed | more than once | lost | held | recovery | the whole | mishaps |"


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


def run(fault: Fault, options: argparse.Namespace) -> tuple[str, bool]:
    """One row of the table, and whether all went well."""
    name = f"fault-{uuid.uuid4().hex[:6]}"
    with tempfile.TemporaryDirectory(prefix="condor-mini-faults-") as folder:
        place = Path(folder)
        with Pool.create(spec=pool_spec(name, fault.spec(place)), engine="docker") as pool:
            workload = Workload(pool=pool, name="work", short=options.jobs, long=options.long)
            world = World(
                pool=pool, workload=workload, place=place, restart_engine=options.restart_engine
            )
            fault.prepare(world)
            return struck(fault, world, options)


def struck(fault: Fault, world: World, options: argparse.Namespace) -> tuple[str, bool]:
    """The same, of a pool that is there."""
    workload = world.workload
    began = time.monotonic()
    workload.submit()
    if options.long:
        workload.await_running("long", options.long)
    workload.await_ended(options.jobs // 10, timeout_s=120)
    fault.strike(world)
    over = time.monotonic()
    try:
        recovery_s = await_healthy(world.pool, timeout_s=HEALTHY_S)
        recovery = f"{recovery_s:.1f} s"
    except CondorMiniError as failure:
        recovery = f"none: {failure.message}"
    try:
        workload.await_end(timeout_s=END_S - (time.monotonic() - over))
    except CondorMiniError as failure:
        print(f"{fault.name}: {failure.message}", file=sys.stderr)
    whole_s = time.monotonic() - began
    account = workload.account()
    for line in account.lost[:10]:
        print(f"{fault.name}: {line}", file=sys.stderr)
    if not account.is_whole and options.logs:
        world.pool.export_logs(Path(options.logs) / fault.name)
    return row(fault, account, recovery, whole_s), account.is_whole


def row(fault: Fault, account: Account, recovery: str, whole_s: float) -> str:
    """One line of the table."""
    cells = [
        f"`{fault.name}`: {fault.what}",
        f"{account.completed} of {account.jobs}",
        str(account.again),
        str(len(account.lost) - account.held),
        str(account.held),
        recovery,
        f"{whole_s:.0f} s",
        "; ".join(account.said).replace("|", "/"),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Strike with each fault that is asked for; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--faults", default=",".join(FAULTS), help="names, with commas; all")
    parser.add_argument("--jobs", type=int, default=500, help="short jobs, of 1 s")
    parser.add_argument("--long", type=int, default=20, help="long jobs, of 30 s")
    parser.add_argument("--restart-engine", metavar="COMMAND", help="restarts Docker's daemon")
    parser.add_argument("--logs", metavar="DIR", help="where logs go if a job is lost")
    options = parser.parse_args()
    if unknown := set(options.faults.split(",")) - set(FAULTS):
        parser.error(f"no such faults: {', '.join(unknown)}; there are: {', '.join(FAULTS)}")
    print(f"{COLUMNS}\n|{'---|' * COLUMNS.count(' | ')}---|", flush=True)
    failed = False
    for name in options.faults.split(","):
        fault = FAULTS[name]
        if reason := fault.needs(options.restart_engine):
            print(f"| `{name}`: {fault.what} | skipped: {reason} |", flush=True)
            continue
        try:
            line, well = run(fault, options)
        except CondorMiniError:
            line, well = f"| `{name}`: {fault.what} | failed |", False
            traceback.print_exc()
        print(line, flush=True)
        failed |= not well
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
