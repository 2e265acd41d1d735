"""The queues of several access points in memory, whose tools change them as HTCondor's do."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from condor_mini.engine import ContainerSpec, FakeEngine, FakeExec, FakeOutcome
from fake_queue import NODE, engine_with_access_point
from hand_made import node_labels, tokens_mount

IDLE, RUNNING, REMOVED, COMPLETED, HELD = 1, 2, 3, 4, 5
SECOND = "mini-submit-2"
STATUS = {"condor_rm": REMOVED, "condor_hold": HELD, "condor_release": IDLE}
NOON = 1_800_000_000


@dataclass(kw_only=True)
class Schedds:
    """A pool ``mini`` with two access points. The tools run as the user ``jovyan``."""

    engine: FakeEngine = field(default_factory=engine_with_access_point)
    jobs: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {NODE: [], SECOND: []})
    calls: list[tuple[str, ...]] = field(default_factory=list)
    """The command lines that changed something."""
    held_again: bool = False
    """Whether the policy of a job holds it as soon as it is released."""
    clock: int = NOON

    def __post_init__(self) -> None:
        labels = node_labels("mini", "submit", 2)
        mounts = (tokens_mount("mini", "submit", 2),)
        self.engine.create(ContainerSpec(image="it", name=SECOND, labels=labels, mounts=mounts))
        self.engine.start(SECOND)
        self.engine.on_exec(["condor_q"], self.tell)
        for tool in STATUS:
            self.engine.on_exec([tool], self.change)

    def add(
        self, job: str, status: int = IDLE, *, node: str = NODE, owner: str = "jovyan", **ad: object
    ) -> None:
        """Put a job into a queue."""
        cluster, proc = map(int, job.split("."))
        self.jobs[node].append(
            {
                "ClusterId": cluster,
                "ProcId": proc,
                "JobStatus": status,
                "Owner": owner,
                "EnteredCurrentStatus": NOON,
                "JobUniverse": 5,
                "Cmd": "/bin/sleep",
                "Args": "60",
                **ad,
            }
        )

    def tell(self, call: FakeExec) -> FakeOutcome:
        """``condor_q``: without -allusers the jobs of the user alone."""
        ads = self._named(call)
        if "-allusers" not in call.argv:
            ads = [ad for ad in ads if ad["Owner"] == "jovyan"]
        return FakeOutcome(stdout=json.dumps(ads) if ads else "")

    def change(self, call: FakeExec) -> FakeOutcome:
        """``condor_rm``, ``condor_hold`` and ``condor_release``."""
        self.calls.append(call.argv)
        self.clock += 1
        refused = False
        for ad in self._named(call):
            if ad["Owner"] != "jovyan":
                refused = True
            elif call.argv[0] != "condor_release" or ad["JobStatus"] == HELD:
                again = self.held_again and call.argv[0] == "condor_release"
                ad["JobStatus"] = HELD if again else STATUS[call.argv[0]]
                ad["EnteredCurrentStatus"] = self.clock
        return FakeOutcome(returncode=int(refused), stderr="Permission denied\n" if refused else "")

    def _named(self, call: FakeExec) -> list[dict[str, Any]]:
        words = {word for word in call.argv if word.replace(".", "").isdigit()}
        return [
            ad
            for ad in self.jobs[call.container]
            if not words
            or str(ad["ClusterId"]) in words
            or f"{ad['ClusterId']}.{ad['ProcId']}" in words
        ]
