"""Idle pools: CPU time as a share of one core, and memory.

All pools are idle at the same time. *Docker's share* is what Docker's own processes take more while
the pools run than without them: health checks and logs. It is that of all pools together, and has
the noise of whatever else Docker does meanwhile. Memory is what Docker shows: without file pages
that are not in use. Of the embedded engine it is the processes' own, with a part of what they share
(PSS).
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench import machine, peers
from bench.figures import Figure, Result
from bench.peers import BY_HAND, EMBEDDED, MINICONDOR, OURS

if TYPE_CHECKING:
    from bench.options import Options
    from bench.peers import BenchPool

POINTS = 3
SETTLE_S = 135
"""By then startds have measured their machines, caches are full, and the central manager looks for
token requests less often: every 5 s for two minutes."""
SHARE = "CPU, share of a core"


def measure(options: Options) -> Result:
    """Let pools of one node and of five be idle."""
    seconds = options.times(120, 30)
    engine_without = engine_cores(seconds)
    with ExitStack() as stack:
        pools = {
            ("personal pool", OURS): stack.enter_context(peers.ours_personal()),
            ("personal pool", MINICONDOR): stack.enter_context(peers.minicondor()),
            ("1 + 1 + 3", OURS): stack.enter_context(peers.ours_of_nodes(POINTS)),
            ("1 + 1 + 3", BY_HAND): stack.enter_context(peers.by_hand(POINTS)),
        }
        time.sleep(options.times(SETTLE_S, SETTLE_S // 2))
        before = {kind: pool.usage.cpu_s() for kind, pool in pools.items()}
        engine_with = engine_cores(seconds)
        figures = []
        for (what, name), pool in pools.items():
            used = (pool.usage.cpu_s() - before[what, name]) / seconds
            figures.append(figure(f"{what}: {SHARE}", name, "%", used * 100))
        more = max(0.0, engine_with - engine_without)
        figures.append(figure("Docker's share, of all four pools", "Docker", "%", more * 100))
        figures += [
            figure(f"{what}: memory", name, "MB", pool.usage.memory_mb())
            for (what, name), pool in pools.items()
        ]
        figures += [
            figure("execution point: memory", name, "MB", point_memory_mb(pools["1 + 1 + 3", name]))
            for name in (OURS, BY_HAND)
        ]
    with peers.ours_of_nodes(POINTS, "embedded") as pool:
        figures.append(
            figure("execution point: memory", EMBEDDED, "MB", embedded_point_memory_mb(pool))
        )
    return Result(figures=tuple(figures))


def figure(what: str, pool: str, unit: str, value: float) -> Figure:
    """Return a figure of one value."""
    return Figure(what=what, pool=pool, unit=unit, values=(value,))


def engine_cores(seconds: float) -> float:
    """Return how much of a core Docker's own processes take, over some seconds from now."""
    before = machine.engine_cpu_s()
    time.sleep(seconds)
    return (machine.engine_cpu_s() - before) / seconds


def point_memory_mb(pool: BenchPool) -> float:
    """Return the memory of an execution point, in containers: the mean of all."""
    points = tuple(name for name in pool.containers if "-execute-" in name)
    return machine.Groups.of(points).memory_mb() / len(points)


def embedded_point_memory_mb(pool: BenchPool) -> float:
    """Return the memory of an execution point of the embedded engine: the mean of all."""
    points = [name for name in pool.containers if "-execute-" in name]
    used = [machine.tree_memory_mb(machine.tree(peers.first_process(name))) for name in points]
    return sum(used) / len(used)
