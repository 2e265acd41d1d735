"""Jobs cost about what they cost on pools of the same HTCondor that are not ours.

CPU time of the pools' containers is compared within one run, so neither a slow machine nor other
work on it matters much. The bounds are generous: a run that fails has found a regression, which
``python -m bench throughput`` shows in detail.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from bench import peers
from bench.parts.throughput import batch, idle_cores

pytestmark = pytest.mark.timeout(600)
"""It takes a minute, and several beside other tests; nothing here depends on it."""

BATCHES = 2
JOBS = 40
POINTS = 2
IDLE_S = 10
"""The interval of health checks."""


@pytest.fixture(scope="module")
def costs() -> dict[str, float]:
    """The CPU time per job of each pool, in ms.

    Of several batches the cheapest one counts, because other work only makes them dearer.
    """
    peers.stock_image()
    personal = (peers.ours_personal(), peers.minicondor())
    of_nodes = (peers.ours_of_nodes(POINTS), peers.by_hand(POINTS, peers.SOON))
    names = ("personal", "minicondor", "nodes", "by hand")
    with ExitStack() as stack, ThreadPoolExecutor() as threads:
        pools = list(threads.map(stack.enter_context, (*personal, *of_nodes)))
        jobs = (peers.TRUE_NAMED, peers.TRUE_NAMED, peers.COPY_NAMED, peers.COPY_NAMED)
        list(threads.map(lambda pool, job: batch(pool, job, 4), pools, jobs))
        found = [
            [batch(pool, job, JOBS) for pool, job in zip(pools, jobs, strict=True)]
            for _ in range(BATCHES)
        ]
        idle = idle_cores(pools, IDLE_S)
    return {
        name: min(cost.per_job_ms(cores) for cost in of_pool)
        for name, cores, *of_pool in zip(names, idle, *found, strict=True)
    }


def test_a_job_on_a_personal_pool_costs_about_what_it_costs_on_minicondor(
    costs: dict[str, float],
) -> None:
    """It takes at most 1.6 times the CPU time."""
    assert costs["personal"] < 1.6 * costs["minicondor"], costs


def test_a_job_on_a_pool_of_nodes_costs_about_what_it_costs_on_one_by_hand(
    costs: dict[str, float],
) -> None:
    """It takes at most 1.6 times the CPU time, with an input and an output that are transferred."""
    assert costs["nodes"] < 1.6 * costs["by hand"], costs
