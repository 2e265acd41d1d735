"""Random faults: drawn by a seed, so that the same seed draws the same."""

from __future__ import annotations

import random
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from condor_mini.base.errors import (
    AlreadyInUse,
    EngineCapabilityError,
    NotFound,
    PoolNotReady,
    UsageError,
)
from condor_mini.chaos.drawn_options import drawn_options
from condor_mini.chaos.planned_fault import PlannedFault
from condor_mini.chaos.values import Moment
from condor_mini.faults.catalogue import FAULTS
from condor_mini.faults.daemons import runs
from condor_mini.faults.fault import Strikes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.chaos.scenario import RandomFaults
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

BY_DEFAULT = (
    *("kill", "freeze", "stop", "restart", "kill-node", "pause-node", "stop-node", "drain-node"),
    *("cpu-pressure", "clock", "partition", "loss", "bandwidth", "delay", "no-dns", "silent-dns"),
    *("evict", "vacate", "kill-starter"),
)
"""Faults after which jobs can complete by themselves."""
_NOT_STRUCK = ("master",)
"""Its node ends with it, and stays so."""
SHORTEST_S = 1.0
REST_S = 5.0
"""So long after a fault its node is left alone: it takes up its work again."""
MOST_TRIES = 100


def drawn(
    pool: PoolNodes, asked: RandomFaults, seed: int, progress: Progress
) -> list[PlannedFault]:
    """Return random faults. No node has two of them at a time.

    Those that the engine cannot make are left out. So are those for which no time is free.

    Raises:
        UsageError: The pool has no such node.
        EngineCapabilityError: The engine can make none of them.
    """
    nodes = _nodes(pool, asked.nodes)
    return list(_Draw(pool, asked, nodes, random.Random(seed), progress).faults())  # noqa: S311


def _nodes(pool: PoolNodes, patterns: Sequence[str]) -> list[Node]:
    found = [
        node
        for node in pool.existing_nodes()
        if any(fnmatchcase(name, p) for p in patterns for name in (node.name, short(node)))
    ]
    if not found:
        raise UsageError(
            f"random faults: the pool {pool.name} has no node {' or '.join(patterns)}",
            hint=f"See its nodes: condor-mini status -n {pool.name}",
        )
    return found


def short(node: Node) -> str:
    """Return a node's name without the pool's."""
    return node.name.removeprefix(f"{node.pool}-")


class _Draw:
    """One draw of all random faults."""

    def __init__(
        self,
        pool: PoolNodes,
        asked: RandomFaults,
        nodes: Sequence[Node],
        dice: random.Random,
        progress: Progress,
    ) -> None:
        self._pool = pool
        self._asked = asked
        self._nodes = nodes
        self._dice = dice
        self._progress = progress
        self._candidates = list(asked.faults or BY_DEFAULT)
        self._refusal: EngineCapabilityError | None = None
        self._able: dict[tuple[str, tuple[str, ...]], bool] = {}
        """Whether a fault can be made on a node, once it was checked."""
        self._refusing: dict[str, set[str]] = {}
        """The hosts whose engines cannot make a fault."""
        self._busy: list[tuple[str, float, float]] = []
        """Node, begin and end of each fault that was drawn."""

    def faults(self) -> Iterator[PlannedFault]:
        for _ in range(self._asked.count):
            for _ in range(MOST_TRIES):
                one = self._one()
                if one and self._can_be_made(one) and self._is_free(one):
                    yield one
                    break

    def _one(self) -> PlannedFault | None:
        if not self._candidates:
            raise self._refusal or UsageError("random faults: there is nothing to strike")
        dice = self._dice
        fault = FAULTS[dice.choice(self._candidates)]
        node = dice.choice(self._nodes)
        at = Moment(seconds=round(dice.uniform(0, self._asked.within), 1))
        longest = max(self._asked.longest, SHORTEST_S)
        for_s = round(dice.uniform(SHORTEST_S, longest), 1) if fault.lasts else None
        options = drawn_options(fault, dice)
        daemon, jobs = "", ""
        if fault.strikes is Strikes.JOBS:
            parts = dice.choice((2, 3, 5))
            jobs = f"ProcId % {parts} == {dice.randrange(parts)}"
        elif fault.strikes is Strikes.DAEMON:
            there = [name for name in fault.daemons if name not in _NOT_STRUCK and runs(node, name)]
            if not there:
                return None
            daemon = dice.choice(there)
        return PlannedFault(
            at=at,
            fault=fault.name,
            nodes=() if jobs else (short(node),),
            daemon=daemon,
            jobs=jobs,
            options=options,
            for_s=for_s,
            is_drawn=True,
        )

    def _is_free(self, one: PlannedFault) -> bool:
        """Return whether its node has no other fault then, and take the time if so."""
        begin = one.at.seconds or 0.0
        end = begin + (one.for_s or 0.0) + REST_S
        if any(
            node in one.nodes and begin < until and since < end for node, since, until in self._busy
        ):
            return False
        self._busy += [(node, begin, end) for node in one.nodes]
        return True

    def _can_be_made(self, one: PlannedFault) -> bool:
        """Return whether such a fault can be made there.

        If the engine cannot make it, none is drawn any more on that host; hosts may have other
        engines.
        """
        place = (one.fault, one.nodes)
        if place not in self._able:
            self._able[place] = True
            try:
                one.check(self._pool, self._progress)
            except EngineCapabilityError as refusal:
                self._refusal = refusal
                self._able[place] = False
                hosts = {node.host for node in self._nodes}
                refusing = self._refusing.setdefault(one.fault, set())
                refusing |= {n.host for n in self._nodes if short(n) in one.nodes} or hosts
                if refusing == hosts:
                    self._candidates.remove(one.fault)
            except UsageError:  # it strikes no such node: only execution points are drained
                self._able[place] = False
            except (NotFound, AlreadyInUse, PoolNotReady):
                pass  # this holds now: a starter that does not run yet, for example
        return self._able[place]
