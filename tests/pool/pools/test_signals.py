"""Signals at any moment: nothing is left, and soon; on a real engine."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import LABEL
from condor_mini.base.waiting import wait_until
from condor_mini.nodes.node import Role, pool_nodes
from condor_mini.pool import Pool

from .conftest import SLOTS

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.pool.pools.conftest import Cli

    from condor_mini.engine import Engine

SOON_S = 60.0
"""For the logs and the removal, on a machine that is busy; a few seconds on a quiet one."""
FASTEST_S = 1.0
"""No machine makes a pool in less time; then it can have been made when the signal comes."""
MOMENTS = [round(0.1 + 0.25 * number, 2) for number in range(12)]
CHOSEN = [random.Random(4).choice(MOMENTS[first : first + 3]) for first in (0, 3, 6, 9)]  # noqa: S311
"""When the signal comes, from one sender and the other in turn."""
SENDERS: dict[str, tuple[signal.Signals, Callable[[int, int], None], int]] = {
    "term": (signal.SIGTERM, os.kill, 143),
    "terminal": (signal.SIGINT, os.killpg, 130),
}
"""A signal, to whom it is sent, and how the command is to end."""


def left(engine: Engine, name: str) -> list[str]:
    """All that bears the pool's label."""
    label = {f"{LABEL}.pool": name}
    names = [info.name for info in engine.containers(label)]
    names += [network.name for network in engine.networks(label)]
    return names + [volume.name for volume in engine.volumes(label)]


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """How a command ends, as a shell tells it, and what it said to stderr."""
    _, said = process.communicate(timeout=SOON_S)
    status = process.returncode
    return (status if status >= 0 else 128 - status), said


def await_listening(process: subprocess.Popen[str]) -> None:
    """Wait until the command is Python's no more, which answers signals with tracebacks."""

    def probe() -> str | None:
        said = Path(f"/proc/{process.pid}/status").read_text()
        caught = int(re.findall(r"SigCgt:\s*(\S+)", said)[0], 16)  # proc_pid_status(5)
        return None if caught >> (signal.SIGTERM - 1) & 1 else "it has no handlers yet"

    wait_until(probe, timeout_s=SOON_S, interval_s=0.005)


def await_nodes(engine: Engine, name: str, process: subprocess.Popen[str], count: int = 1) -> None:
    """Wait until so many nodes of the pool run; the command must still be at work."""

    def probe() -> str | None:
        assert process.poll() is None, "it has ended already"
        running = [node for node in pool_nodes(engine, name) if node.is_running]
        return None if len(running) >= count else f"{len(running)} nodes run"

    wait_until(probe, timeout_s=SOON_S, interval_s=0.02)


def saved_logs(said: str) -> Path:
    """The directory that the command has named."""
    found = re.search(r"All logs: (\S+)\. ", said)
    assert found, said
    return Path(found[1])


@pytest.mark.parametrize(("sender", "moment"), [*zip([*SENDERS] * 2, CHOSEN, strict=True)])
def test_signal_while_creating_leaves_nothing(
    fresh: Cli, pool_engine: Engine, sender: str, moment: float
) -> None:
    """Whenever the signal comes, the status is the shell's for it, and nothing is left."""
    number, send, expected = SENDERS[sender]
    process = fresh.begin("create", "--execute", "2")
    await_listening(process)
    time.sleep(moment)
    send(process.pid, number)
    status, said = ended(process)
    if status == 0 and moment >= FASTEST_S:
        assert len(pool_nodes(pool_engine, fresh.name)) == 4
    else:
        assert (status, left(pool_engine, fresh.name)) == (expected, []), said


def test_interrupt_of_the_process_alone(fresh: Cli, pool_engine: Engine) -> None:
    """`kill -INT` does what Ctrl-C does, and the logs of the nodes are saved before they go."""
    process = fresh.begin("create", "--execute", "2")
    await_nodes(pool_engine, fresh.name, process, 3)
    process.send_signal(signal.SIGINT)
    status, said = ended(process)
    assert (status, left(pool_engine, fresh.name)) == (130, [])
    assert list(saved_logs(said).glob(f"{fresh.name}-*/container.log"))


@pytest.mark.parametrize(
    "pause_s",
    [
        pytest.param(0.0, marks=pytest.mark.slow),
        0.3,
        pytest.param(1.0, marks=pytest.mark.slow),
    ],
)
def test_pressing_ctrl_c_again_changes_nothing(
    fresh: Cli, pool_engine: Engine, pause_s: float
) -> None:
    """A second Ctrl-C at the terminal, while the first one's end is under way, leaves nothing."""
    process = fresh.begin("create", "--execute", "2")
    await_nodes(pool_engine, fresh.name, process)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(pause_s)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    status, said = ended(process)
    assert (status, left(pool_engine, fresh.name)) == (130, []), said


def test_two_signals_at_once(fresh: Cli, pool_engine: Engine) -> None:
    """SIGINT and SIGTERM in the same moment, as from a terminal and a launcher, leave nothing."""
    process = fresh.begin("create", "--execute", "2")
    await_nodes(pool_engine, fresh.name, process)
    os.killpg(process.pid, signal.SIGINT)
    os.killpg(process.pid, signal.SIGTERM)
    status, said = ended(process)
    assert status in {130, 143}, said
    assert left(pool_engine, fresh.name) == [], said


def test_keep_keeps_what_was_interrupted(fresh: Cli, pool_engine: Engine) -> None:
    """With --keep a signal leaves the nodes, and says so."""
    process = fresh.begin("create", "--keep")
    await_nodes(pool_engine, fresh.name, process)
    process.terminate()
    status, said = ended(process)
    assert (status, f"is kept; look at it: condor-mini status -n {fresh.name}" in said) == (
        143,
        True,
    )
    assert f"{fresh.name}-master" in left(pool_engine, fresh.name)


@pytest.fixture
def killed(fresh: Cli, pool_engine: Engine) -> Cli:
    """The command, about a pool whose creation was killed in the middle."""
    process = fresh.begin("create")
    await_nodes(pool_engine, fresh.name, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert left(pool_engine, fresh.name)
    return fresh


def test_what_a_kill_has_left_is_deleted(killed: Cli, pool_engine: Engine) -> None:
    """After SIGKILL in the middle of `create`, `delete` removes all, and `create` works again."""
    assert killed("create").returncode == 4
    killed.succeeds("delete")
    assert left(pool_engine, killed.name) == []
    killed.succeeds("create", timeout_s=120)


def test_scale_and_delete_that_were_terminated(fresh: Cli, pool_engine: Engine) -> None:
    """SIGTERM while nodes are added: the new ones go, and the pool is usable.

    SIGTERM during `delete` may leave something; a second `delete` removes it.
    """
    own = Pool.create(fresh.name, engine=pool_engine)
    before = [node.info.id for node in own.nodes]
    process = fresh.begin("scale", "--execute", "3")
    await_nodes(pool_engine, fresh.name, process, 4)
    process.terminate()
    status, said = ended(process)
    assert (status, [node.info.id for node in own.nodes]) == (143, before), said
    job = "executable = /bin/true\ntransfer_executable = false\nlog = /tmp/log\nqueue\n"
    assert own.exec(["condor_submit", "-"], stdin=job).returncode == 0
    assert own.exec(["condor_wait", "-wait", "30", "/tmp/log"]).returncode == 0
    points = [node.name for node in own.nodes if node.role is Role.EXECUTION_POINT]
    assert own.exec(SLOTS).stdout.split() == points

    process = fresh.begin("delete")

    def gone() -> str | None:
        return None if len(own.nodes) < 3 else "all nodes are there"

    wait_until(gone, timeout_s=SOON_S, interval_s=0.01)
    process.terminate()
    assert ended(process)[0] in {0, 143}
    fresh.succeeds("delete")
    assert left(pool_engine, fresh.name) == []
