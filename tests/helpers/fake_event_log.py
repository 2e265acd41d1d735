"""A schedd in memory that writes the events of one job, as HTCondor's does."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from condor_mini.engine import FakeExec, FakeOutcome

if TYPE_CHECKING:
    from fake_pool import FakePool

CLUSTER = 7


@dataclass(kw_only=True)
class FakeEventLog:
    """The job ``7.0`` of the pool ``ci``: what is done to it, and its log."""

    pool: FakePool
    numbers: list[int] = field(default_factory=list)
    """The events in the log."""
    after: dict[str, list[int]] = field(default_factory=dict)
    """The events that a tool brings."""
    calls: list[tuple[str, ...]] = field(default_factory=list)
    """The tools that changed something."""
    is_stubborn: bool = False
    """Whether the job leaves the queue only by force."""
    refused: dict[str, str] = field(default_factory=dict)
    """What a tool says in place of working."""

    def __post_init__(self) -> None:
        tools = ("submit", "submit_dag", "rm", "hold", "release", "suspend", "continue", "prio")
        for tool in (*tools, "vacate_job"):
            self.pool.engine.on_exec([f"condor_{tool}"], self._change)
        self.pool.engine.on_exec(["condor_q"], self._queue)
        self.pool.engine.on_exec(["cat"], self._log)
        self.pool.engine.on_exec(["condor_wait"], self._ads)
        self.pool.engine.on_exec(["rm", "-rf"], self._change)

    def called(self, tool: str) -> int:
        """How often a tool was run."""
        return sum(call[0] == tool for call in self.calls)

    def _change(self, call: FakeExec) -> FakeOutcome:
        self.calls.append(call.argv)
        if words := self.refused.get(call.argv[0]):
            return FakeOutcome(returncode=1, stderr=words)
        self.numbers += self.after.get(call.argv[0], [])
        return FakeOutcome(stdout=f"1 job(s) submitted to cluster {CLUSTER}.\n")

    def _queue(self, call: FakeExec) -> FakeOutcome:
        if "-json" not in call.argv:  # whether it has left the queue
            forced = any("-forcex" in argv for argv in self.calls)
            gone = forced if self.is_stubborn else self.called("condor_rm")
            return FakeOutcome(stdout="" if gone else "3\n")
        states = {10: 7, 11: 2, 12: 5, 13: 1}
        last = next((states[number] for number in reversed(self.numbers) if number in states), 2)
        ad = {"ClusterId": CLUSTER, "ProcId": 0, "JobStatus": last}
        return FakeOutcome(stdout=json.dumps([ad]))

    def _log(self, _: FakeExec) -> FakeOutcome:
        events = [f"{number:03} ({CLUSTER:03}.000.000) it was so\n" for number in self.numbers]
        return FakeOutcome(stdout="".join(f"{event}...\n" for event in events) + "005 (007.")

    def _ads(self, _: FakeExec) -> FakeOutcome:
        ads = [
            json.dumps({"EventTypeNumber": number, "Cluster": CLUSTER}, indent=2)
            for number in self.numbers
        ]
        return FakeOutcome(returncode=1, stdout="\n".join([*ads, "Time expired."]))
