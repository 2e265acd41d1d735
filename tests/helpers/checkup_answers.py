"""What a container of ``condor-mini doctor`` says of itself, and what is found."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from condor_mini.doctor.checkup import examine
from condor_mini.doctor.container import LIMIT_MB
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from condor_mini.doctor.findings import Finding
    from condor_mini.engine import FakeEngine, FakeExec

LIMITS = "Max open files            {0}                {0}                files\n"


def answer_well(engine: FakeEngine) -> dict[str, FakeOutcome]:
    """Let each container answer that all is well; return the answers, which a test may change.

    Their keys are the last words of the commands.
    """
    said = {
        "df": FakeOutcome(stdout="Filesystem x\noverlay 100000000 1 90000000 1% /\n"),
        "getent": FakeOutcome(stdout="10.0.0.2 x\n"),
        "/proc/self/limits": FakeOutcome(stdout=LIMITS.format(20000)),
        "date": FakeOutcome(stdout="0"),
        "stat": FakeOutcome(stdout="cgroup2fs\n"),
        "/sys/fs/cgroup/memory.max": FakeOutcome(stdout=f"{LIMIT_MB * 2**20}\n"),
    }

    def date(_: FakeExec) -> FakeOutcome:
        return said["date"] if said["date"].stdout != "0" else FakeOutcome(stdout=f"{time.time()}")

    engine.on_exec(["df"], lambda _: said["df"])
    engine.on_exec(["timeout", "15", "getent"], lambda _: said["getent"])
    engine.on_exec(["cat"], lambda call: said.get(call.argv[1], FakeOutcome(returncode=1)))
    engine.on_exec(["date"], date)
    engine.on_exec(["stat", "-f"], lambda _: said["stat"])
    return said


def found(pool: str | None = None, *, must_exist: bool = False) -> dict[str, Finding]:
    """Return all findings, by their subjects."""
    return {finding.subject: finding for finding in examine(pool=pool, must_exist=must_exist)}
