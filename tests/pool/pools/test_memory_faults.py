"""A job that is out of memory: ended by the kernel, or by HTCondor, in HTCondor's own words."""

from __future__ import annotations

import os
import re
import uuid
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.base.waiting import wait_until
from condor_mini.faults import processes
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec
from gates import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from condor_mini.engine import Engine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.every_engine,
    pytest.mark.skipif(
        os.environ.get("CONDOR_MINI_SANDBOX") == "paths",
        reason="where paths are translated, the fault is refused",
    ),
]

WITHIN_S = 90.0
LIMIT_MB = 600
REQUEST_MB = 100


@pytest.fixture(scope="module")
def bounded(pool_engine: Engine) -> Iterator[Pool]:
    """A pool: on execute-1 the engine limits the memory, on execute-2 HTCondor does."""
    groups = [
        {"name": "limited", "count": 1, "limit": {"memory": f"{LIMIT_MB}MB"}},
        {"name": "watched", "count": 1, "config": "use POLICY : HOLD_IF_MEMORY_EXCEEDED"},
    ]
    if pool_engine.name == "embedded":  # without control groups its limit is one of addresses
        del groups[0]["limit"]
    spec = PoolSpec.model_validate({"name": f"t{uuid.uuid4().hex[:8]}", "execution_points": groups})
    with Pool.create(spec=spec, engine=pool_engine) as made:
        yield made


@pytest.fixture
def begin(bounded: Pool) -> Iterator[Callable[..., tuple[str, str]]]:
    """Begins a job on a node that runs until it is struck; its id, and the path of its log."""
    logs: list[str] = []

    def begin(node: str, **commands: str) -> tuple[str, str]:
        logs.append(bounded.exec(["mktemp"]).stdout.strip())
        job = {
            "executable": "/bin/sh",
            "arguments": f"\"-c '{Gate(pool=bounded).passage}'\"",
            "transfer_executable": "false",
            "should_transfer_files": "YES",
            "request_disk": "1M",
            "request_memory": f"{REQUEST_MB}M",
            "requirements": f'CondorMiniNode == "{bounded.name}-{node}"',
            "log": logs[-1],
            **commands,
        }
        text = "".join(f"{key} = {value}\n" for key, value in job.items())
        result = bounded.exec(["condor_submit", "-terse", "-"], stdin=f"{text}queue\n")
        assert result.returncode == 0, result.stderr
        await_event(bounded, logs[-1], "001")
        return result.stdout.split()[0], logs[-1]

    yield begin
    bounded.exec(["condor_rm", "-all"])
    bounded.exec(["rm", "-f", *logs])


def await_event(pool: Pool, log: str, number: str) -> str:
    """Wait until a job's log has an event of a number; the log."""
    text = ""

    def absent() -> str | None:
        nonlocal text
        text = pool.exec(["cat", log]).stdout
        return None if re.search(f"^{number} ", text, re.MULTILINE) else f"no {number}: {text}"

    wait_until(absent, timeout_s=WITHIN_S, interval_s=0.3)
    return text


def killed_for_memory(pool: Pool) -> int:
    """How many processes of execute-1 the kernel has killed because its memory was used up."""
    files = "/sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control"
    argv = ["sh", "-c", f"cat {files} 2>/dev/null"]
    said = pool.exec(argv, node="execute-1", user="root").stdout
    return int(re.findall(r"^oom_kill (\d+)", said, re.MULTILINE)[0])


@pytest.mark.pool_engines("docker", "podman", reason="elsewhere no control group limits a node")
def test_kernel_kills_a_job_that_is_out_of_memory(
    bounded: Pool, begin: Callable[..., tuple[str, str]]
) -> None:
    """The kernel counts it, the job ends by signal 9, and the daemons live on."""
    node = bounded.node("execute-1")
    before = [processes.find(node, daemon) for daemon in ("master", "startd")]
    job, log = begin("execute-1")
    killed = killed_for_memory(bounded)
    bounded.faults.out_of_memory(job)
    assert killed_for_memory(bounded) > killed
    assert "Abnormal termination (signal 9)" in await_event(bounded, log, "005")
    assert [processes.find(node, daemon) for daemon in ("master", "startd")] == before


@pytest.mark.pool_engines("docker", "podman", reason="elsewhere no control group limits a node")
def test_kernel_kills_what_has_no_room_under_pressure(
    bounded: Pool, begin: Callable[..., tuple[str, str]]
) -> None:
    """A job that needs more than memory-pressure leaves ends by signal 9; the daemons live on."""
    node = bounded.node("execute-1")
    before = [processes.find(node, daemon) for daemon in ("master", "startd")]
    with bounded.faults.memory_pressure("execute-1"):
        # tail(1) keeps a line that does not end.
        _, log = begin("execute-1", arguments="\"-c 'exec tail </dev/zero'\"")
        assert "Abnormal termination (signal 9)" in await_event(bounded, log, "005")
    assert [processes.find(node, daemon) for daemon in ("master", "startd")] == before


def test_policy_holds_a_job_that_is_out_of_memory(
    bounded: Pool, begin: Callable[..., tuple[str, str]]
) -> None:
    """The startd's own reason is in the event, and nothing of the job is left on the node."""
    job, log = begin("execute-2")
    bounded.faults.out_of_memory(job)
    text = await_event(bounded, log, "012")
    assert "memory usage exceeded request_memory" in text
    assert "Code 21 Subcode 102" in text
    used = bounded.exec(["condor_q", job, "-af", "MemoryUsage"]).stdout
    assert int(used) > REQUEST_MB

    def left() -> str | None:
        found = bounded.exec(["pgrep", "-x", "-u", "jovyan", "tail"], node="execute-2").stdout
        return f"processes {found}" if found.strip() else None

    wait_until(left, timeout_s=WITHIN_S, interval_s=0.3)


@pytest.mark.pool_engines("embedded", reason="on the others this node has a limit")
def test_job_holds_itself_when_it_is_out_of_memory(
    bounded: Pool, begin: Callable[..., tuple[str, str]]
) -> None:
    """By its own periodic_hold; without one, and without a limit, the fault is refused."""
    job, _ = begin("execute-1")
    with pytest.raises(EngineCapabilityError, match=f"nothing ends job {re.escape(job)}"):
        bounded.faults.out_of_memory(job)
    job, log = begin("execute-1", periodic_hold="MemoryUsage > RequestMemory")
    bounded.faults.out_of_memory(job)
    text = await_event(bounded, log, "012")
    assert "PeriodicHold expression 'MemoryUsage > RequestMemory' evaluated to TRUE" in text
