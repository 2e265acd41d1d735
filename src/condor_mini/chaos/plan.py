"""The plan of a scenario for one pool: each fault with its time and its target, all checked."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.chaos import drawing
from condor_mini.chaos.planned_fault import PlannedFault
from condor_mini.chaos.scenario import ALL_JOBS
from condor_mini.faults.fault import Strikes
from condor_mini.jobs.access_points import running_access_point

if TYPE_CHECKING:
    from condor_mini.base.progress import Progress
    from condor_mini.chaos.scenario import Scenario, Step
    from condor_mini.nodes.pool_nodes import PoolNodes

MOST_SEED = 2**32


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The faults of a scenario for one pool, and the seed that random ones were drawn by."""

    seed: int
    faults: tuple[PlannedFault, ...]
    """Those with a time in its order, then those at a part of the jobs."""

    @classmethod
    def of(cls, pool: PoolNodes, scenario: Scenario, seed: int | None, progress: Progress) -> Plan:
        """Return the plan of a scenario.

        The same seed, scenario, engine and nodes give the same faults.

        Args:
            pool: The pool.
            scenario: The scenario.
            seed: What random faults are drawn by. None for the scenario's, else another one.
            progress: Receives a phase if an image has to be built first.

        Raises:
            CondorMiniError: A fault cannot be made on this pool; see ``Faults.check``.
            UsageError: No node is there that random faults may strike.
        """
        drawn = random.randrange(MOST_SEED)  # noqa: S311 (the seed of a test is no secret)
        chosen = next(one for one in (seed, scenario.seed, drawn) if one is not None)
        found = [_planned(step) for step in scenario.steps]
        for one in found:
            one.check(pool, progress)
        for work in scenario.workload:
            running_access_point(pool, work.access_point)
        if scenario.random is not None:
            found += drawing.drawn(pool, scenario.random, chosen, progress)
        found.sort(key=lambda one: (one.at.seconds is None, one.at.seconds or 0.0))
        return cls(seed=chosen, faults=tuple(found))

    def to_json(self) -> dict[str, object]:
        """Return the plan for programs: docs/reference/json.md."""
        return {"seed": self.seed, "faults": [one.to_json() for one in self.faults]}


def _planned(step: Step) -> PlannedFault:
    if step.catalogued.strikes is Strikes.JOBS:
        return PlannedFault(
            at=step.at,
            fault=step.fault,
            nodes=(step.access_point,) if step.access_point else (),
            jobs=step.target[0] if step.target else ALL_JOBS,
            options=step.options,
            for_s=step.for_s,
        )
    daemon = ""
    nodes = step.target
    if step.catalogued.strikes is Strikes.DAEMON:
        node, _, daemon = step.target[0].partition("/")
        nodes = (node,)
    return PlannedFault(
        at=step.at,
        fault=step.fault,
        nodes=nodes,
        daemon=daemon,
        options=step.options,
        for_s=step.for_s,
    )
