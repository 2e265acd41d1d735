"""Programs of jobs that exit with a code: on nodes in memory, and processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineCapabilityError, NotFound, PoolNotReady, UsageError
from condor_mini.engine import FakeOutcome
from condor_mini.faults import job_exits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import FakeExec
    from fake_pool import FakePool
    from struck_nodes import StruckNodes

NODE = "ci-execute-1"
PROGRAM = "51:510"
WITHIN_S = 10.0
_YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")


class Job:
    """The job ``7.0``, and what was done where its program is."""

    def __init__(self, struck: StruckNodes) -> None:
        self.refusal: FakeOutcome | None = None
        self.goes_on = False
        self.done: list[str] = []
        self.signals = struck.signalled
        self.states = struck.jobs = {"7.0": 2}
        struck.places = {"7.0": f"slot1_1@{NODE}.nodes.internal"}
        struck.engine.on_exec(["sh", "-s", "try"], self._try)
        struck.engine.on_exec(["sh", "-s", "make"], self._make)
        struck.engine.on_exec(["sh", "-s", "below-starter"], self._programs)

    def _programs(self, _: FakeExec) -> FakeOutcome:
        has_exited = any(line.startswith("make") for line in self.done) and not self.goes_on
        return FakeOutcome(stdout="" if has_exited else f"{PROGRAM}\n")

    def _try(self, call: FakeExec) -> FakeOutcome:
        self.done.append(" ".join(call.argv[2:]))
        return self.refusal or FakeOutcome()

    def _make(self, call: FakeExec) -> FakeOutcome:
        self.done.append(" ".join(call.argv[2:]))
        return FakeOutcome()


@pytest.fixture
def job(pool: FakePool, struck: StruckNodes) -> Job:
    """The job runs on the first execution point."""
    pool.engine.add_image("debian:trixie-slim")
    return Job(struck)


def test_program_exits(pool: FakePool, job: Job) -> None:
    """It is tried, then the program is stopped, changed and goes on, beside the node."""
    pool.faults.exit("7", code=13)
    assert job.done == [f"try {PROGRAM}", f"make 13 {PROGRAM}"]
    assert job.signals == [(NODE, "STOP", PROGRAM), (NODE, "CONT", PROGRAM)]
    where = [call.target for call in pool.engine.calls if call.method == "run_in_mounts"]
    assert where == [pool.node("execute-1").info.id] * 2


def test_program_that_may_not_be_changed(pool: FakePool, job: Job) -> None:
    """It is refused before anything is done, in the words of who tried."""
    job.refusal = FakeOutcome(returncode=1, stderr="process 51 may not be traced")
    with pytest.raises(EngineCapabilityError, match=r"job 7\.0 .*: process 51 may not") as refusal:
        pool.faults.exit("7.0", code=1)
    assert "ptrace_scope" in (refusal.value.hint or "")
    assert job.signals == []


def test_program_goes_on_after_a_failure(
    pool: FakePool, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not exit is no success, and none stays stopped."""
    monkeypatch.setattr(job_exits, "END_TIMEOUT_S", 0.0)
    job.goes_on = True
    with pytest.raises(PoolNotReady, match=r"the program of job 7\.0 goes on"):
        pool.faults.exit("7.0", code=1)
    assert job.signals[-1] == (NODE, "CONT", PROGRAM)


def test_job_that_waits_has_no_program(pool: FakePool, job: Job) -> None:
    """Only jobs that run can be struck."""
    job.states["7.0"] = 1
    with pytest.raises(NotFound, match=r"none of 7\.0 can be: idle"):
        pool.faults.exit("7.0", code=1)
    assert job.done == []


@pytest.mark.parametrize("code", [-1, 256, 1.5])
def test_codes_that_there_are_not(pool: FakePool, job: Job, code: float) -> None:
    """A process exits with a whole number from 0 to 255."""
    with pytest.raises(UsageError, match="--code"):
        pool.faults.strike("exit", jobs=["7.0"], options={"code": code})
    assert job.done == []


# -- the script -----------------------------------------------------------------------------------

PROGRAMS = {
    "waits": ("sleep", "60"),
    "waits for another one": ("sh", "-c", "sleep 60; exit 1"),
    "computes": (sys.executable, "-c", "while True: pass"),
    "has threads": (
        *(sys.executable, "-c"),
        "from threading import Timer\nfor _ in range(3): Timer(60, print).start()",
    ),
    "handles SIGCONT": ("sh", "-c", "trap 'exit 1' CONT; sleep 60"),
}


@pytest.fixture(params=PROGRAMS, ids=[name.replace(" ", "-") for name in PROGRAMS])
def program(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    """A program that would not end for a minute."""
    if os.geteuid() != 0 and _YAMA.exists() and _YAMA.read_text().strip() != "0":
        pytest.skip("the kernel lets no other process trace it (kernel.yama.ptrace_scope)")
    with subprocess.Popen(PROGRAMS[request.param], start_new_session=True) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def script(*words: str) -> None:
    """Run the script as the fault does."""
    text = (resources.files("condor_mini.faults") / "exit.sh").read_text("utf-8")
    subprocess.run(["sh", "-s", *words], input=text, text=True, check=True, timeout=WITHIN_S)


@pytest.mark.parametrize("code", [0, 77, 255])
def test_process_exits_with_the_code(program: subprocess.Popen[bytes], code: int) -> None:
    """Whatever it does at that moment. To try that changes nothing."""
    began = Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()[19]
    process = f"{program.pid}:{began}"
    script("try", process)
    assert program.poll() is None
    program.send_signal(signal.SIGSTOP)
    script("make", str(code), process)
    program.send_signal(signal.SIGCONT)
    assert program.wait(WITHIN_S) == code


def test_another_process_of_that_number_is_left_alone() -> None:
    """A process that began at another time is not changed."""
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            script("make", "3", f"{process.pid}:1")
            assert process.poll() is None
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
