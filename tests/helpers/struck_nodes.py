"""The processes of nodes in memory, which take signals and HTCondor's commands as real ones do."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from condor_mini.engine import FakeEngine, FakeExec

DAEMONS = {
    "master": ("master", "collector", "negotiator"),
    "submit": ("master", "schedd"),
    "execute": ("master", "startd"),
}
STARTERS = {"slot1_1": "50:500"}
"""The starter of each slot that has a job."""
PROGRAMS = {"slot1_1": "51:510"}
"""The process that it has started."""


@dataclass(kw_only=True)
class StruckNodes:
    """The daemons of each node, and which of them are stopped, by the nodes' names."""

    engine: FakeEngine
    running: dict[str, dict[str, str]] = field(default_factory=dict)
    """The processes of each node, by the daemons' names: ``PID:START``."""
    stopped: dict[str, set[str]] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
    """JobStatus of the jobs in the queue, by their ids."""
    asked: list[tuple[str, ...]] = field(default_factory=list)
    """The commands of HTCondor's that were run."""

    places: dict[str, str] = field(default_factory=dict)
    """RemoteHost of the jobs that run, by their ids."""
    inputs: str = ""
    """Owner, Iwd and TransferInput of the jobs, with tabs between them."""
    signalled: list[tuple[str, ...]] = field(default_factory=list)
    """The node, the signal and the processes of each signal."""

    def __post_init__(self) -> None:
        self.engine.on_exec(["sh", "-s"], self._processes)
        for tool in (
            "off",
            "on",
            "drain",
            "hold",
            "release",
            "vacate_job",
            "rm",
            "qedit",
            "suspend",
            "continue",
        ):
            self.engine.on_exec([f"condor_{tool}"], self._command)
        self.engine.on_exec(["condor_q"], self._queue)
        self.engine.on_exec(["condor_config_val"], lambda _: FakeOutcome(stdout="a.b\n"))
        times = ["condor_config_val", "SHUTDOWN_GRACEFUL_TIMEOUT", "SHUTDOWN_FAST_TIMEOUT"]
        self.engine.on_exec(times, lambda _: FakeOutcome(stdout="6\n3\n"))
        self.engine.on_exec(["condor_status"], lambda _: FakeOutcome(stdout="Drained\n"))

    def of(self, node: str) -> dict[str, str]:
        """The processes of a node."""
        kind = next(kind for kind in DAEMONS if f"-{kind}" in node)
        names = DAEMONS[kind]
        return self.running.setdefault(
            node, {name: f"{7 + n}:7{n}" for n, name in enumerate(names)}
        )

    def frozen(self, node: str) -> set[str]:
        """The daemons of a node that are stopped."""
        held = self.stopped.get(node, set())
        return {name for name, process in self.of(node).items() if process in held}

    def _processes(self, call: FakeExec) -> FakeOutcome:
        action, *arguments = call.argv[2:]
        there, held = self.of(call.container), self.stopped.setdefault(call.container, set())
        every = set(there.values())
        if action == "signal":
            self.signalled.append((call.container, *arguments))
        match action, arguments:
            case "signal", [_, process] if process in {*STARTERS.values(), *PROGRAMS.values()}:
                return FakeOutcome(stdout=f"{process}\n")
            case "find", [name]:
                return FakeOutcome(stdout=f"{there.get(name, '')}\n")
            case "starter", [slot]:
                return FakeOutcome(stdout=f"{STARTERS.get(slot, '')}\n")
            case "below-starter", [slot]:
                return FakeOutcome(stdout=f"{PROGRAMS.get(slot, '')}\n")
            case "stopped", []:
                return FakeOutcome(stdout="\n".join(sorted(held)))
            case "signal", ["STOP", *processes]:
                held.update(every & set(processes))
            case "signal", ["CONT", *processes]:
                held.difference_update(processes)
            case "signal", ["KILL", *processes]:
                for name in [name for name in there if there[name] in processes]:
                    del there[name]
            case "stop", []:
                held.update(every)
            case "continue", but:
                held.intersection_update(but)
            case "kill", []:
                self.engine.end(call.container, exit_code=137)
                self.running.pop(call.container)
                held.clear()
        return FakeOutcome()

    def _command(self, call: FakeExec) -> FakeOutcome:
        self.asked.append(call.argv)
        match call.argv:
            case "condor_off", _, daemon:
                self.of(call.container).pop(daemon, None)
            case "condor_on", _, daemon:
                self.of(call.container)[daemon] = "99:990"
        return FakeOutcome()

    def _queue(self, call: FakeExec) -> FakeOutcome:
        if "(" in call.argv:
            return FakeOutcome(returncode=1, stderr="Error: invalid constraint\n")
        if call.argv[-1] == "RequestDisk":
            return FakeOutcome(stdout="2048\n")
        if call.argv[-1] == "TransferInput":
            return FakeOutcome(stdout=self.inputs)
        if call.argv[-1] == "RemoteHost":
            return FakeOutcome(stdout=f"{self.places.get(call.argv[1], 'undefined')}\n")
        ads = [
            {"ClusterId": int(job.split(".")[0]), "ProcId": int(job.split(".")[1]), "JobStatus": n}
            for job, n in self.jobs.items()
        ]
        return FakeOutcome(stdout=json.dumps(ads) if ads else "")
