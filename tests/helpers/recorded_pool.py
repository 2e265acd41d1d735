"""An access point in memory that logs job events, as HTCondor's does."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from condor_mini.engine import FakeExec, FakeOutcome
from condor_mini.records.job_events import CONFIG, NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_pool import FakePool

LOG = f"/var/log/condor/{NAME}"


@dataclass(kw_only=True)
class RecordedPool:
    """What the access point and the collector of the pool ``ci`` say."""

    pool: FakePool
    jobs: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    slots: list[dict[str, Any]] = field(default_factory=list)
    config: str = ""
    """The file that lets HTCondor log all events."""
    log: str = ""
    """That log."""
    refusal: str = ""
    """What condor_q says in place of the jobs."""
    after_look: Callable[[], object] | None = None
    """What happens once, between a look at the queue and the next one at the log."""
    looks: int = 0
    """How often the access point was looked at."""

    def __post_init__(self) -> None:
        for argv, handler in (
            (("bash", "-s", "--"), self._look),
            (("sh", "-s", "--", CONFIG, NAME), self._state),
            (("condor_config_val", "-schedd", "EVENT_LOG"), self._knob),
            (("tee", CONFIG), self._configure),
            (("condor_reconfig",), lambda _: FakeOutcome()),
            (("rm", "-f", "--", LOG), self._remove),
            (("timeout", "5", "condor_history"), self._ended),
            (("timeout", "5", "condor_status", "-json"), self._slots),
        ):
            self.pool.engine.on_exec(argv, handler)

    def event(self, number: int, name: str, job: str = "7.0", **more: object) -> None:
        """Let HTCondor write an event."""
        cluster, proc = map(int, job.split("."))
        ad = {"EventTypeNumber": number, "MyType": f"{name}Event", "Cluster": cluster, "Proc": proc}
        self.log += json.dumps({**ad, **more}, indent=1) + "\n"

    def _look(self, call: FakeExec) -> FakeOutcome:
        self.looks += 1
        offset = int(call.argv[5])
        head = {"configured": bool(self.config), "offset": len(self.log), "more": False}
        text = f"{json.dumps(head)}\n{self.log[offset:]}"
        after, self.after_look = self.after_look, None
        if after is not None:
            self.jobs = []
            after()
        if self.refusal:
            return FakeOutcome(returncode=1, stdout=text, stderr=self.refusal)
        return FakeOutcome(stdout=text + json.dumps(self.jobs))

    def _knob(self, _: FakeExec) -> FakeOutcome:
        return FakeOutcome(stdout=f"{LOG if self.config else 'Not defined: EVENT_LOG'}\n")

    def _state(self, _: FakeExec) -> FakeOutcome:
        return FakeOutcome(stdout=f"{LOG}\n{len(self.log)}\n{self.config}")

    def _configure(self, call: FakeExec) -> FakeOutcome:
        self.config = call.stdin or ""
        return FakeOutcome()

    def _remove(self, _: FakeExec) -> FakeOutcome:
        self.log = ""
        return FakeOutcome()

    def _ended(self, _: FakeExec) -> FakeOutcome:
        return FakeOutcome(stdout=json.dumps(self.history))

    def _slots(self, _: FakeExec) -> FakeOutcome:
        return FakeOutcome(stdout=json.dumps(self.slots))
