"""A fault of a scenario: when it strikes what, and how it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from condor_mini.faults.faults import Faults

if TYPE_CHECKING:
    from condor_mini.base.progress import Progress
    from condor_mini.chaos.jobs import Jobs
    from condor_mini.chaos.values import Moment
    from condor_mini.faults.choices import Choices
    from condor_mini.faults.in_force import FaultInForce
    from condor_mini.nodes.pool_nodes import PoolNodes


@dataclass(frozen=True, kw_only=True)
class PlannedFault:
    """A fault of a scenario, and when it strikes what."""

    at: Moment
    fault: str
    nodes: tuple[str, ...] = ()
    """Names of the nodes; of jobs the access point, or nothing for the first."""
    daemon: str = ""
    jobs: str = ""
    """The ClassAd expression of the jobs that it strikes; empty if it strikes no jobs."""
    options: Choices = field(default_factory=dict)
    for_s: float | None = None
    """How long it stays in force, in seconds. None for to the end of the scenario."""
    is_drawn: bool = False
    """Whether it was drawn by the seed."""

    @property
    def target(self) -> str:
        """What it strikes, as a scenario names it."""
        if self.jobs:
            return self.jobs
        return f"{self.nodes[0]}/{self.daemon}" if self.daemon else " ".join(self.nodes)

    def __str__(self) -> str:
        given = (f"--{name} {_words(value)}" for name, value in self.options.items())
        time = f" for {self.for_s:g} s" if self.for_s is not None else ""
        return " ".join([self.fault, self.target, *given]) + time

    def strike(self, pool: PoolNodes, jobs: Jobs, progress: Progress) -> FaultInForce | None:
        """Make the fault; return it if it lasts.

        Args:
            pool: The pool.
            jobs: The jobs that it may strike.
            progress: Receives a phase if an image has to be built first.

        Raises:
            CondorMiniError: It cannot be made now; see ``Faults.strike``.
        """
        ours: list[str] = []
        if self.jobs:
            access_point = pool.node(self._access_point)
            ours = [f"({self.jobs}) && ({jobs.expression(access_point)})"]
        return Faults(pool).strike(
            self.fault,
            self._access_point if self.jobs else self.nodes,
            self.daemon,
            jobs=ours,
            options=self.options,
            for_s=self.for_s,
            progress=progress,
        )

    def check(self, pool: PoolNodes, progress: Progress) -> None:
        """Raise what ``strike`` would raise now; that its jobs are absent is no error."""
        Faults(pool).check(
            self.fault,
            self._access_point if self.jobs else self.nodes,
            self.daemon,
            jobs=[self.jobs] if self.jobs else (),
            options=self.options,
            progress=progress,
        )

    @property
    def _access_point(self) -> str | None:
        return next(iter(self.nodes), None)

    def to_json(self) -> dict[str, object]:
        """Return the fault for programs: docs/reference/json.md."""
        return {
            "at_s": self.at.seconds,
            "at_percent": self.at.percent,
            "fault": self.fault,
            "target": self.target,
            "options": dict(self.options),
            "for_s": self.for_s,
            "drawn": self.is_drawn,
        }


def _words(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
