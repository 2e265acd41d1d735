"""How time grows with a pool's size.

Pools are created with more and more execution points, on Docker and embedded; and with ten that
advertise more and more static slots, in which a job is matched. Jobs that nothing matches are put
into the queue of a pool of 1 + 1 + 1, more and more of them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench import peers
from bench.figures import Curve, Result
from bench.peers import EMBEDDED, OURS
from condor_mini import Pool, PoolSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.options import Options
    from bench.peers import BenchPool

POINTS, QUICK_POINTS = (1, 10, 25, 50), (1, 5, 10, 25)
JOBS, QUICK_JOBS = (100, 1000, 10_000), (100, 1000)
SLOTS, QUICK_SLOTS = (100, 1000, 10_000), (100, 1000)
SLOTTED = 10
"""Execution points that the slots are on."""
ENGINES = {OURS: "docker", EMBEDDED: "embedded"}
IDLE = f"{peers.TRUE}\nrequirements = false"


def measure(options: Options) -> Result:
    """Create pools of several sizes, and fill a queue."""
    curves = [
        curve
        for pool, engine in ENGINES.items()
        for curve in by_points(pool, engine, QUICK_POINTS if options.quick else POINTS)
    ]
    curves += by_slots(QUICK_SLOTS if options.quick else SLOTS)
    with peers.ours_of_nodes(1) as made:
        curves += by_jobs(made, QUICK_JOBS if options.quick else JOBS)
    return Result(curves=tuple(curves))


def by_points(pool: str, engine: str, sizes: Sequence[int]) -> list[Curve]:
    """Create pools of these sizes, one after the other."""
    return grown(pool, "execution points", {size: of_points(size, engine) for size in sizes})


def by_slots(sizes: Sequence[int]) -> list[Curve]:
    """Create pools with so many static slots, one after the other."""
    return grown(OURS, "slots", {size: of_slots(size) for size in sizes})


def by_jobs(pool: BenchPool, sizes: Sequence[int]) -> list[Curve]:
    """Fill the queue of a pool with so many jobs, and empty it each time."""
    return grown(pool.name, "jobs", {size: of_jobs(pool, size) for size in sizes})


def grown(pool: str, by: str, found: Mapping[int, Mapping[str, float]]) -> list[Curve]:
    """Return a curve for each thing that was timed at every size."""
    whats = next(iter(found.values()))
    return [
        Curve(
            what=what,
            pool=pool,
            unit="s",
            by=by,
            points=tuple((float(size), seconds[what]) for size, seconds in found.items()),
        )
        for what in whats
    ]


def of_points(points: int, engine: str) -> dict[str, float]:
    """Create a pool, look at it, and delete it; return how many seconds each takes."""
    name = peers.new_name()
    about = ("--engine", engine, "-n", name)
    seconds = {}
    try:
        seconds["`create`"] = peers.condor_mini("create", *about, "--execute", str(points))
        seconds["`status`"] = peers.condor_mini("status", *about)
    finally:
        seconds["`delete`"] = peers.condor_mini("delete", *about)
    return seconds


def of_slots(slots: int) -> dict[str, float]:
    """Create a pool with static slots and use it; return how many seconds each step takes."""
    spec = PoolSpec.model_validate(
        {
            "name": peers.new_name(),
            "execution_points": [{"count": SLOTTED, "slots": slots // SLOTTED}],
        }
    )
    began = time.monotonic()
    with Pool.create(spec=spec):
        seconds = {"`create`": time.monotonic() - began}
        pool = peers.created(spec.name)
        seconds["`status`"] = peers.condor_mini("status", "-n", spec.name)
        seconds["`condor_status`"] = timed(pool, "condor_status")
        seconds["a job, to its end"] = pool.jobs(peers.TRUE_NAMED)[0].seconds
    return seconds


def of_jobs(pool: BenchPool, count: int) -> dict[str, float]:
    """Have so many jobs in the queue, and return how many seconds each step takes."""
    submit = f"printf '%s\\nqueue %s\\n' \"$1\" {count} | condor_submit -terse -"
    seconds = {"`condor_submit`": timed(pool, "sh", "-c", submit, "submit", IDLE)}
    seconds["`condor_q`"] = timed(pool, "condor_q")
    seconds["`condor_rm`"] = timed(pool, "condor_rm", "-all")
    return seconds


def timed(pool: BenchPool, *argv: str) -> float:
    """Return how many seconds a command on the access point takes, as seen from there."""
    script = 'began=$(date +%s.%N); "$@" >/dev/null || exit; echo "$began $(date +%s.%N)"'
    began, ended = map(float, pool.run("sh", "-c", script, "timed", *argv).split())
    return ended - began
