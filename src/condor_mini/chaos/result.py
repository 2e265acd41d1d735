"""``ScenarioResult``: what struck when, and what became of each job."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from condor_mini.chaos.jobs import JobResult
    from condor_mini.chaos.planned_fault import PlannedFault


@dataclass(kw_only=True)
class StruckFault:
    """A fault of a scenario, and what came of it."""

    planned: PlannedFault
    struck_s: float | None = None
    """When it had taken hold, in seconds since the start. None if it was not made."""
    ended_s: float | None = None
    """When it was undone. None for one that is a moment, or was not made."""
    recovered_s: float | None = None
    """When the nodes that it struck did their work again, by their health checks.

    None for one that strikes jobs, or was not made.
    """
    problem: str = ""
    """Why it was not made, or not undone."""

    @property
    def is_missing(self) -> bool:
        """Whether a step of the scenario was not made; a drawn one may find nothing to strike."""
        return bool(self.problem) and not self.planned.is_drawn

    def to_json(self) -> dict[str, object]:
        """Return the fault for programs: docs/reference/json.md."""
        return {
            **self.planned.to_json(),
            "struck_s": _rounded(self.struck_s),
            "ended_s": _rounded(self.ended_s),
            "recovered_s": _rounded(self.recovered_s),
            "problem": self.problem or None,
        }


@dataclass(frozen=True, kw_only=True)
class ScenarioResult:
    """What a scenario did to a pool, and what became of its jobs."""

    pool: str
    seed: int
    """The seed that random faults were drawn by."""
    took_s: float
    """From the submission of the jobs until all had ended, in seconds."""
    faults: tuple[StruckFault, ...]
    """One for each fault of the scenario, in the order of time."""
    jobs: tuple[JobResult, ...]
    """One for each job, by access point and id."""
    problems: tuple[str, ...] = ()
    """What else went wrong: time is up, a node does not do its work again."""
    command_status: int | None = None
    """The status of the command that ran beside it, if any."""

    @property
    def is_whole(self) -> bool:
        """Whether all went as it should.

        Each step of the scenario was made, each job has completed once with exit code 0, and
        nothing else went wrong. With a command, its status stands for those of the jobs.
        """
        if self.problems or any(one.is_missing for one in self.faults):
            return False
        if self.command_status is not None:
            return self.command_status == 0
        return all(job.is_whole for job in self.jobs)

    def outcomes(self) -> list[tuple[str, list[JobResult]]]:
        """Return each outcome with its jobs, the most frequent first."""
        found: dict[str, list[JobResult]] = {}
        for job in self.jobs:
            found.setdefault(job.outcome, []).append(job)
        return sorted(found.items(), key=lambda item: -len(item[1]))

    def to_json(self) -> dict[str, object]:
        """Return the result for programs: docs/reference/json.md."""
        return {
            "pool": self.pool,
            "seed": self.seed,
            "whole": self.is_whole,
            "took_s": _rounded(self.took_s),
            "faults": [one.to_json() for one in self.faults],
            "jobs": [job.to_json() for job in self.jobs],
            "problems": [*self.problems],
            "command_status": self.command_status,
        }


def ranges(jobs: Iterable[JobResult]) -> str:
    """Return the ids of jobs in few words: ``3.0-3.17, 4.2``; of one access point after another."""
    by_cluster: dict[tuple[str, int], list[int]] = {}
    for job in jobs:
        by_cluster.setdefault((job.access_point, job.cluster), []).append(job.proc)
    several = len({access_point for access_point, _ in by_cluster}) > 1
    return ", ".join(
        f"{cluster}.{_range(procs)}" + (f" on {access_point}" if several else "")
        for (access_point, cluster), all_procs in by_cluster.items()
        for procs in _runs(sorted(all_procs))
    )


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    """Return the numbers that follow each other, together."""
    grouped = groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    return [[number for _, number in group] for _, group in grouped]


def _range(procs: Sequence[int]) -> str:
    return str(procs[0]) if len(procs) == 1 else f"{procs[0]} to .{procs[-1]}"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
