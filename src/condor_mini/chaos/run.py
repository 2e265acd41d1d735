"""Run a scenario: strike when it is time, heal, and say what became of each job."""

from __future__ import annotations

import time
from contextlib import suppress
from threading import Thread
from typing import IO, TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError, UsageError
from condor_mini.base.signals import held_back, start_thread
from condor_mini.chaos.jobs import JobWatch
from condor_mini.chaos.plan import Plan
from condor_mini.chaos.result import ScenarioResult, StruckFault
from condor_mini.chaos.workload import Command, Submitted, later_jobs, queued_jobs
from condor_mini.faults.faults import Faults
from condor_mini.lifecycle.ready import Deadline, await_health

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.chaos.jobs import Jobs
    from condor_mini.chaos.scenario import Scenario
    from condor_mini.faults.in_force import FaultInForce
    from condor_mini.nodes.pool_nodes import PoolNodes

TICK_S = 0.1
HEALTHY_TIMEOUT_S = 120.0
"""How long all nodes may take after the last fault to do their work again."""


def run_scenario(
    pool: PoolNodes,
    scenario: Scenario,
    *,
    seed: int | None = None,
    command: Sequence[str] = (),
    stdout: IO[str] | None = None,
    keep_jobs: bool = False,
    progress: Progress,
) -> ScenarioResult:
    """Run a scenario; see ``Pool.run_scenario``."""
    if command and scenario.workload:
        raise UsageError("a scenario with a workload of its own takes no command")
    if command and any(step.at.percent is not None for step in scenario.steps):
        raise UsageError(
            "a step at a part of the jobs needs to know how many there are: with a command, give "
            "times (at: 30s)"
        )
    planned = Plan.of(pool, scenario, seed, progress)
    if not command and not scenario.workload:
        return _Run(pool, scenario, planned, progress).beside(queued_jobs(pool, progress))
    if not command:
        submitted = Submitted(pool)
        try:
            jobs = submitted.submit(scenario.workload, progress)
            result = _Run(pool, scenario, planned, progress).beside(jobs)
        except BaseException:
            with held_back():
                submitted.remove()
            raise
        submitted.fetch(progress)
        if not keep_jobs:
            submitted.remove()
        return result
    jobs = later_jobs(pool, progress)
    program = Command(command, stdout)
    try:
        return _Run(pool, scenario, planned, progress, program).beside(jobs)
    finally:
        with held_back():
            program.end()


class _Run:
    """One run of a scenario."""

    def __init__(
        self,
        pool: PoolNodes,
        scenario: Scenario,
        planned: Plan,
        progress: Progress,
        command: Command | None = None,
    ) -> None:
        self._pool = pool
        self._timeout_s = scenario.timeout_s
        self._seed = planned.seed
        self._progress = progress
        self._command = command
        self._faults = [StruckFault(planned=one) for one in planned.faults]
        self._waiting = [*self._faults]
        self._in_force: list[tuple[StruckFault, FaultInForce]] = []
        self._began = time.monotonic()
        self._ran = {node.name for node in pool.reached_nodes if node.is_running}
        self._problems: list[str] = []
        self._recoveries: list[Thread] = []

    def beside(self, jobs: Jobs) -> ScenarioResult:
        """Run it beside these jobs."""
        self._began = time.monotonic()
        try:
            with JobWatch(jobs) as watch:
                while not self._is_over(watch, len(jobs.expected or ())):
                    self._end_what_is_over()
                    self._strike_what_is_due(watch, jobs)
                    time.sleep(TICK_S)
            took_s = self._now()
            with held_back():
                for one, made in self._in_force:
                    self._end(one, made)
        except BaseException:
            with held_back():
                for one, made in self._in_force:
                    self._undo(one, made)
            raise
        self._await_health()
        return ScenarioResult(
            pool=self._pool.name,
            seed=self._seed,
            took_s=took_s,
            faults=tuple(self._faults),
            jobs=tuple(jobs.results()),
            problems=tuple(self._problems),
            command_status=self._command.status if self._command else None,
        )

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _say(self, text: str) -> None:
        self._progress.note(f"{self._now():6.1f} s  {text}")

    def _is_over(self, watch: JobWatch, total: int) -> bool:
        look, is_over = watch.latest, False
        if self._command is not None:
            is_over = self._command.status is not None
        elif look is not None:
            struck_out = not self._in_force and all(
                one.planned.at.percent is not None
                and one.planned.at.percent * total > 100 * (total - look.left)
                for one in self._waiting
            )
            is_over = look.left == 0 or (look.stay_held and struck_out)
        if is_over:
            self._say(
                "The command has ended" if self._command else "All jobs have ended, or stay held"
            )
            for one in self._waiting:
                self._was_not_made(one, "all was over before it was due")
            self._waiting = []
        elif self._now() > self._timeout_s:
            left = look.states if look else "nothing is known of the jobs"
            if watch.problem:
                left += f"; the last look failed: {watch.problem}"
            self._problems.append(f"not over after {self._timeout_s:g} s: {left}")
            return True
        return is_over

    def _strike_what_is_due(self, watch: JobWatch, jobs: Jobs) -> None:
        total = len(jobs.expected or ())
        ended = total - watch.latest.left if watch.latest else 0
        for one in [*self._waiting]:
            at = one.planned.at
            if at.seconds is not None:
                is_due = self._now() >= at.seconds
            else:
                is_due = watch.latest is not None and 100 * ended >= (at.percent or 0) * total
            if is_due:
                self._waiting.remove(one)
                self._strike(one, jobs)
                self._end_what_is_over()  # a strike may take seconds

    def _strike(self, one: StruckFault, jobs: Jobs) -> None:
        try:
            with held_back():  # what is made is known, or nobody would undo it
                made = one.planned.strike(self._pool, jobs, self._progress)
                one.struck_s = self._now()
                if made is not None:
                    self._in_force.append((one, made))
                else:
                    self._watch_recovery(one)
        except CondorMiniError as failure:
            self._was_not_made(one, failure.message)
            return
        self._say(str(one.planned))

    def _was_not_made(self, one: StruckFault, why: str) -> None:
        one.problem = why
        self._say(f"Not made: {one.planned}: {why}")

    def _end_what_is_over(self) -> None:
        for one, made in [*self._in_force]:
            time_s = one.planned.for_s
            if time_s is not None and self._now() >= (one.struck_s or 0.0) + time_s:
                self._end(one, made)
                self._in_force.remove((one, made))

    def _end(self, one: StruckFault, made: FaultInForce) -> None:
        if self._undo(one, made):
            self._watch_recovery(one)

    def _undo(self, one: StruckFault, made: FaultInForce) -> bool:
        """Undo a fault, and return whether that has succeeded."""
        try:
            Faults(self._pool).heal_all(made.records, wait=False)
        except CondorMiniError as failure:
            self._problems.append(f"{made} could not be undone: {failure.message}")
            one.problem = failure.message
            return False
        one.ended_s = self._now()
        self._say(f"Healed {made}")
        return True

    def _watch_recovery(self, one: StruckFault) -> None:
        """Note when the nodes of a fault that is over do their work again."""
        if one.planned.jobs:
            return
        thread = Thread(target=self._note_recovery, args=(one,), name="condor-mini recovery")
        start_thread(thread)
        self._recoveries.append(thread)

    def _note_recovery(self, one: StruckFault) -> None:
        with suppress(CondorMiniError):  # the end of the scenario says which node does not recover
            nodes = [self._pool.node(name) for name in one.planned.nodes]
            await_health(nodes, Deadline(HEALTHY_TIMEOUT_S))
            one.recovered_s = self._now()

    def _await_health(self) -> None:
        for thread in self._recoveries:
            thread.join()
        nodes = [node for node in self._pool.reached_nodes if node.name in self._ran]
        self._problems += [node.ended().message for node in nodes if not node.is_running]
        try:
            await_health([node for node in nodes if node.is_running], Deadline(HEALTHY_TIMEOUT_S))
        except CondorMiniError as failure:
            self._problems.append(failure.message)
