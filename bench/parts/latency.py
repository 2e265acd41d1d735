"""From the submission of one job to its end, on an idle pool.

The job does nothing; on the pools of nodes it has an input and an output file that are transferred.
The pools take turns of three jobs, before which they are idle for 0.3, 1 and 3 s. The pool by hand
has turns of one job: it negotiates once a minute.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench import peers
from bench.figures import Figure, Result

if TYPE_CHECKING:
    from bench.options import Options
    from bench.peers import BenchPool

PERSONAL = "personal pool: submit to done of `/bin/true`"
NODES = "1 + 1 + 4, files transferred: submit to done"
FIRST = "1 + 1 + 4, files transferred: the pool's first job"
POINTS = 4
PAUSES = (0.3, 1, 3)


def measure(options: Options) -> Result:
    """Time jobs, one after the other."""
    turns = options.times(8, 2)
    figures = []
    with ExitStack() as stack:
        makers = (peers.ours_personal, peers.minicondor, peers.personal_pool)
        pools = [stack.enter_context(make()) for make in makers]
        for pool in pools:
            pool.jobs(peers.TRUE_NAMED)
        figures += in_turn(PERSONAL, pools, peers.TRUE_NAMED, turns)
    with ExitStack() as stack:
        pools = [stack.enter_context(make(POINTS)) for make in (peers.ours_of_nodes, peers.by_hand)]
        figures += [first(pool) for pool in pools]
        figures += in_turn(NODES, pools, peers.COPY_NAMED, turns)
    return Result(figures=tuple(figures))


def first(pool: BenchPool) -> Figure:
    """Time the pool's first job."""
    (done,) = pool.jobs(peers.COPY_NAMED)
    return Figure(what=FIRST, pool=pool.name, unit="s", values=(done.seconds,))


def in_turn(what: str, pools: list[BenchPool], description: str, turns: int) -> list[Figure]:
    """Time jobs of each pool in each turn."""
    seconds: dict[str, list[float]] = {pool.name: [] for pool in pools}
    for _ in range(turns):
        for pool in pools:
            pauses = PAUSES[-1:] if pool.name == peers.BY_HAND else PAUSES
            rounds = pool.jobs(description, rounds=len(pauses), pauses=pauses)
            seconds[pool.name] += [each.seconds for each in rounds]
    return [
        Figure(what=what, pool=name, unit="s", values=tuple(values), plot="Latency")
        for name, values in seconds.items()
    ]
