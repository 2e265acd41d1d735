"""Faults of what a node has, as HTCondor and the node's processes see them."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineCapabilityError, UsageError
from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from condor_mini.faults.faults import Faults
    from condor_mini.pool import Pool

pytestmark = pytest.mark.skipif(
    os.environ.get("CONDOR_MINI_SANDBOX") == "paths",
    reason="where paths are translated, nodes have no processes of their own",
)

WITHIN_S = 60.0
MARKED = "grep -lsF CONDOR_MINI_FAULT=%s /proc/[0-9]*/environ | wc -l"
MEMORY = "cat /proc/[0-9]*/status 2>/dev/null | awk '/^VmRSS:/ { t += $2 } END { print t }'"


def number(pool: Pool, script: str) -> int:
    """The number that a script prints on the node execute-1."""
    result = pool.exec(["sh", "-c", script], node="execute-1", user="root")
    assert result.returncode == 0, result.stderr
    return int(result.stdout)


def ad_of(pool: Pool, attribute: str) -> float:
    """An attribute of the slot of execute-1."""
    ours = f'CondorMiniNode == "{pool.name}-execute-1"'
    argv = ["condor_status", "-compact", "-constraint", ours, "-af", attribute]
    found = pool.exec(argv, node="master").stdout.split()
    return float(found[0]) if found and found[0] != "undefined" else math.nan


@pytest.mark.slow
def test_cpu_pressure(pool: Pool, faults: Faults) -> None:
    """The load average in the node's ad rises; healed, the processes are gone."""
    before = ad_of(pool, "TotalLoadAvg")
    with faults.cpu_pressure("execute-1", processes=24):

        def idle() -> str | None:
            now = ad_of(pool, "TotalLoadAvg")
            return None if now > before + 1 else f"TotalLoadAvg is {now}, and was {before}"

        wait_until(idle, timeout_s=WITHIN_S, interval_s=0.5)
        assert number(pool, MARKED % "cpu") >= 24
    assert number(pool, MARKED % "cpu") == 0


def test_memory_pressure(pool: Pool, faults: Faults) -> None:
    """The processes have the memory that they are to take; healed, it is free."""
    before = number(pool, MEMORY)
    with faults.memory_pressure("execute-1", mb=150):
        assert number(pool, MEMORY) >= before + 150 * 1024
    assert number(pool, MEMORY) < before + 50 * 1024


def test_memory_that_is_not_there_is_refused(faults: Faults) -> None:
    """Without a limit the amount has to be said, and the machine has to have it."""
    with pytest.raises(UsageError, match="has no memory limit"):
        faults.memory_pressure("execute-1")
    with pytest.raises(EngineCapabilityError, match="MiB are free"):
        faults.memory_pressure("execute-1", mb=1_000_000)
    assert faults.in_force() == []


@pytest.mark.pool_engines(
    "docker", "podman", reason="the disk of the host is that of embedded nodes"
)
def test_disk_full(pool: Pool, faults: Faults) -> None:
    """A job whose input has no room is held, and HTCondor says why; healed, there is room."""
    file, log = pool.exec(["mktemp"]).stdout.strip(), pool.exec(["mktemp"]).stdout.strip()
    pool.exec(["truncate", "-s", "300k", file])
    job = {
        "executable": "/bin/true",
        "transfer_executable": "false",
        "transfer_input_files": file,
        "request_disk": "1M",
        "requirements": f'CondorMiniNode == "{pool.name}-execute-1"',
        "log": log,
    }
    text = "".join(f"{key} = {value}\n" for key, value in job.items())
    with faults.disk_full("execute-1"):
        result = pool.exec(["condor_submit", "-"], stdin=f"{text}queue\n")
        assert result.returncode == 0, result.stderr

        def goes_on() -> str | None:
            return None if "\n012 " in pool.exec(["cat", log]).stdout else "it is not held"

        wait_until(goes_on, timeout_s=WITHIN_S, interval_s=0.3)
        assert "(errno 28) No space left on device" in pool.exec(["cat", log]).stdout
    assert number(pool, "head -c 300k /dev/zero | tee /var/lib/condor/execute/x | wc -c") == 307200
    assert number(pool, "stat -c %s /var/lib/condor/execute/x") == 307200
    pool.exec(["rm", "/var/lib/condor/execute/x"], node="execute-1", user="root")


@pytest.mark.pool_engines("docker", "podman", reason="the library for it is in an image")
def test_clock(pool: Pool, faults: Faults) -> None:
    """The ad of a startd says another time than the collector that heard of it; healed, the same.

    A job on the node has the clock of the startd.
    """

    def ahead() -> float:
        return ad_of(pool, "MyCurrentTime - LastHeardFrom")

    output = pool.exec(["mktemp"]).stdout.strip()
    job = {
        "executable": "/bin/date",
        "arguments": "+%s",
        "transfer_executable": "false",
        "request_disk": "1M",
        "requirements": f'CondorMiniNode == "{pool.name}-execute-1"',
        "output": output,
    }
    text = "".join(f"{key} = {value}\n" for key, value in job.items())
    with faults.clock("execute-1", by=3600):

        def is_early() -> str | None:
            return None if ahead() > 3000 else f"the startd is {ahead()} s ahead"

        wait_until(is_early, timeout_s=WITHIN_S, interval_s=0.3)
        result = pool.exec(["condor_submit", "-"], stdin=f"{text}queue\n")
        assert result.returncode == 0, result.stderr

        def unwritten() -> str | None:
            return None if pool.exec(["cat", output]).stdout else "the job has not said its time"

        wait_until(unwritten, timeout_s=WITHIN_S, interval_s=0.3)
        real = int(pool.exec(["date", "+%s"]).stdout)
        assert int(pool.exec(["cat", output]).stdout) > real + 3000

    def is_late() -> str | None:
        return None if ahead() < 100 else f"the startd is {ahead()} s ahead"

    wait_until(is_late, timeout_s=WITHIN_S, interval_s=0.3)
