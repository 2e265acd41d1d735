"""Many short jobs: jobs a second, and CPU time per job of all containers of the pool.

Both are counted from the start of the first job. CPU time is what the control groups of the
containers account for, less what the idle pool takes in this time. Other work on the machine hardly
changes it, whereas it changes the jobs a second. The pools take turns. The pools of nodes have four
execution points, and their jobs an input and an output file that are transferred. The pool by hand
negotiates every 5 s and measures no speed of its machines: the bench need not wait a minute for
each batch. *Named* means that the submit description says which files are outputs
(`transfer_output_files`). The floor is what the start of one `condor_shadow` and one
`condor_starter` takes.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import peers
from bench.figures import Figure, Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.options import Options
    from bench.peers import BenchPool

POINTS = 4
IDLE_S = 20
"""Twice the interval of health checks."""
STARTS = 20
START = (
    f"for n in $(seq {STARTS}); do condor_shadow -classad; condor_starter -classad; done >/dev/null"
)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a batch of jobs took."""

    jobs: int
    cpu_s: float
    """CPU time of the pool's containers."""
    running_s: float
    """From the first job's start to the last one's end."""

    def per_job_ms(self, idle_cores: float) -> float:
        """Return the CPU time of each job, less what the idle pool takes."""
        return (self.cpu_s - idle_cores * self.running_s) / self.jobs * 1000

    @property
    def jobs_per_s(self) -> float:
        """How many jobs ended in a second."""
        return self.jobs / self.running_s


def measure(options: Options) -> Result:
    """Run batches of jobs on ours and on theirs, in turn."""
    turns = options.times(5, 2)
    figures: list[Figure] = []
    with ExitStack() as stack:
        pools = [stack.enter_context(make()) for make in (peers.ours_personal, peers.minicondor)]
        count = options.times(200, 50)
        figures += in_turn("personal pool, named", pools, peers.TRUE_NAMED, count, turns)
        figures += [floor(pools[0])]
        figures += in_turn("personal pool, unnamed", pools, peers.TRUE, count, turns)
    with ExitStack() as stack:
        theirs = peers.by_hand(POINTS, peers.SOON)
        pools = [stack.enter_context(pool) for pool in (peers.ours_of_nodes(POINTS), theirs)]
        count = options.times(160, 40)
        figures += in_turn("1 + 1 + 4, named", pools, peers.COPY_NAMED, count, turns)
        figures += in_turn("1 + 1 + 4, unnamed", pools, peers.COPY, count, turns)
    return Result(figures=tuple(figures))


def in_turn(
    what: str, pools: list[BenchPool], description: str, count: int, turns: int
) -> Iterator[Figure]:
    """Run batches of ``count`` jobs on each pool, in turn, after one that does not count."""
    for pool in pools:
        batch(pool, description, 8)
    costs: dict[str, list[Cost]] = {pool.name: [] for pool in pools}
    for _ in range(turns):
        for pool in pools:
            costs[pool.name].append(batch(pool, description, count))
    idle = dict(zip(costs, idle_cores(pools), strict=True))
    for name, found in costs.items():
        values = tuple(cost.per_job_ms(idle[name]) for cost in found)
        title = "CPU time per job"
        yield Figure(what=f"{what}: {title}", pool=name, unit="ms", values=values, plot=title)
    for name, found in costs.items():
        values = tuple(cost.jobs_per_s for cost in found)
        title = "Jobs a second"
        yield Figure(what=f"{what}: {title}", pool=name, unit="1/s", values=values, plot=title)


def idle_cores(pools: list[BenchPool], seconds: float = IDLE_S) -> list[float]:
    """Return how much of a core each pool takes while nothing runs on it."""
    before = [pool.usage.cpu_s() for pool in pools]
    time.sleep(seconds)
    after = [pool.usage.cpu_s() for pool in pools]
    return [(end - begin) / seconds for begin, end in zip(before, after, strict=True)]


def batch(pool: BenchPool, description: str, count: int) -> Cost:
    """Run so many jobs on a pool; what it takes until the first one starts is not counted."""
    used: list[float] = []
    (done,) = pool.jobs(description, count=count, on_start=lambda: used.append(pool.usage.cpu_s()))
    used.append(pool.usage.cpu_s())
    return Cost(jobs=count, cpu_s=used[-1] - used[0], running_s=done.running_s)


def floor(pool: BenchPool) -> Figure:
    """Return the CPU time of the start of a shadow and a starter."""
    before = pool.usage.cpu_s()
    pool.run("sh", "-c", START)
    used = pool.usage.cpu_s() - before
    return Figure(
        what="personal pool, named: CPU time per job",
        pool=peers.FLOOR,
        unit="ms",
        values=(used / STARTS * 1000,),
        plot="CPU time per job",
    )
