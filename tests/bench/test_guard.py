"""Jobs cost about what they cost on pools of the same HTCondor that are not ours.

CPU time of the pools' containers is compared within one run, so neither a slow machine nor other
work on it matters much. The bounds are generous: a run that fails has found a regression, which
``python -m bench throughput`` shows in detail.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from bench import peers
from bench.parts.throughput import batch, idle_cores

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from bench.peers import BenchPool

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]
"""It takes a minute, and several beside other tests; nothing here depends on it."""

BATCHES = 2
JOBS = 40
POINTS = 2
IDLE_S = 10
"""The interval of health checks."""


def ratio(
    ours: AbstractContextManager[BenchPool], theirs: AbstractContextManager[BenchPool], job: str
) -> float:
    """Return the CPU time per job on one pool divided by that on another.

    Of several batches the cheapest one counts, because other work only makes them dearer.
    """
    with ExitStack() as stack, ThreadPoolExecutor() as threads:
        pools = list(threads.map(stack.enter_context, (ours, theirs)))
        list(threads.map(lambda pool: batch(pool, job, 4), pools))
        found = [[batch(pool, job, JOBS) for pool in pools] for _ in range(BATCHES)]
        idle = idle_cores(pools, IDLE_S)
    mine, other = (
        min(costs[number].per_job_ms(cores) for costs in found) for number, cores in enumerate(idle)
    )
    return mine / other


def test_a_job_on_a_personal_pool_costs_about_what_it_costs_on_minicondor() -> None:
    """It takes at most 1.6 times the CPU time."""
    peers.stock_image()
    assert ratio(peers.ours_personal(), peers.minicondor(), peers.TRUE_NAMED) < 1.6


def test_a_job_on_a_pool_of_nodes_costs_about_what_it_costs_on_one_by_hand() -> None:
    """It takes at most 1.6 times the CPU time, with an input and an output that are transferred."""
    peers.stock_image()
    theirs = peers.by_hand(POINTS, peers.SOON)
    assert ratio(peers.ours_of_nodes(POINTS), theirs, peers.COPY_NAMED) < 1.6
