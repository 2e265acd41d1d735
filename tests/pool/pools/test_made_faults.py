"""Faults made on purpose, seen in HTCondor's own words: event logs, ads, logs of daemons."""

from __future__ import annotations

import json
import os
import signal
import uuid
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound
from condor_mini.base.waiting import wait_until
from condor_mini.faults import processes
from condor_mini.pool import Pool
from gates import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from condor_mini.engine import Engine
    from condor_mini.faults.faults import Faults
    from condor_mini.nodes.node import Node

    from .conftest import Cli

pytestmark = pytest.mark.skipif(
    os.environ.get("CONDOR_MINI_SANDBOX") == "paths",
    reason="where paths are translated, PRoot lets stopped processes go on",
)

WITHIN_S = 30.0
UPDATES_S = 5
"""How often daemons send their ads (profile dev)."""


def ad_of(pool: Pool, node: str, attribute: str, kind: str = "-compact") -> str:
    """An attribute of a slot's or a daemon's ad at the collector; empty if there is no ad."""
    ours = f'CondorMiniNode == "{pool.name}-{node}"'
    asked = ["condor_status", kind, "-constraint", ours, "-af", attribute]
    return pool.exec(asked).stdout.strip().partition("\n")[0]


def await_ad(pool: Pool, node: str, attribute: str, *wanted: str, kind: str = "-compact") -> None:
    """Wait until the attribute has one of these values; none means that there is no ad."""

    def differs() -> str | None:
        found = ad_of(pool, node, attribute, kind)
        return None if found in (wanted or ("",)) else f"{attribute} of {node} is {found}"

    wait_until(differs, timeout_s=WITHIN_S, interval_s=0.3)


def await_start(pool: Pool, node: str, kind: str = "-compact", *, later_than: int) -> None:
    """Wait until the collector has the ad of a daemon that began later (Unix time)."""

    def early() -> str | None:
        began = ad_of(pool, node, "DaemonStartTime", kind)
        return None if began and int(began) > later_than else f"DaemonStartTime is {began}"

    wait_until(early, timeout_s=WITHIN_S, interval_s=0.3)


def await_log(pool: Pool, node: str, words: str) -> None:
    """Wait until a line of the master of a node has these words."""

    def absent() -> str | None:
        lines = pool.logs(nodes=[node], daemons=["master"], tail=200)
        return None if any(words in line.text for line in lines) else f"no {words} of {node}"

    wait_until(absent, timeout_s=WITHIN_S, interval_s=0.3)


# -- daemons --------------------------------------------------------------------------------------


@pytest.mark.every_engine
def test_killed_daemon_is_started_again(pool: Pool, faults: Faults) -> None:
    """condor_master says that the startd died of signal 9, and starts another one, which works."""
    node, began = pool.node("execute-1"), ad_of(pool, "execute-1", "DaemonStartTime")
    before = processes.find(node, "startd")
    faults.kill("execute-1", "startd")
    await_log(pool, "execute-1", "died due to signal 9")
    await_start(pool, "execute-1", later_than=int(began))
    assert processes.find(node, "startd") not in ([], before)


@pytest.mark.every_engine
@pytest.mark.slow_on("docker")
def test_frozen_daemons_are_silent(pool: Pool, faults: Faults) -> None:
    """The ads of a frozen startd and of a paused node stay, but are not updated; healed, they are.

    The pool's other nodes are not concerned.
    """
    names = ("execute-1", "execute-2")

    def heard() -> list[int]:
        return [int(ad_of(pool, name, "LastHeardFrom")) for name in names]

    with faults.freeze("execute-1", "startd"), faults.pause_node("execute-2"):
        paused = pool.node("execute-2")
        assert len(processes.stopped(pool.node("execute-1"))) == 1
        assert len(processes.stopped(paused)) > len(processes.find(paused, "startd"))
        frozen, began = heard(), ad_of(pool, "submit-1", "LastHeardFrom", "-schedd")

        def is_early() -> str | None:
            now = int(ad_of(pool, "submit-1", "LastHeardFrom", "-schedd"))
            return None if now > int(began) + UPDATES_S else "the schedd has not updated twice"

        wait_until(is_early, timeout_s=WITHIN_S, interval_s=0.5)
        assert heard() == frozen

    def silent() -> str | None:
        return None if all(n > f for n, f in zip(heard(), frozen, strict=True)) else "silent"

    wait_until(silent, timeout_s=WITHIN_S, interval_s=0.5)


def test_stopped_daemon_leaves_the_collector(pool: Pool, faults: Faults) -> None:
    """The ad of a negotiator that is switched off is gone; healed, it is there again."""
    with faults.stop("master", "negotiator"):
        await_ad(pool, "master", "Name", kind="-negotiator")
    await_ad(pool, "master", "MyType", "Negotiator", kind="-negotiator")


@pytest.mark.slow
def test_restarted_daemon_is_another_one(pool: Pool, faults: Faults) -> None:
    """The ad of a schedd that is restarted has a later start, and the schedd takes jobs."""
    before = int(ad_of(pool, "submit-1", "DaemonStartTime", "-schedd"))
    faults.restart("submit-1", "schedd")
    await_start(pool, "submit-1", "-schedd", later_than=before)
    assert pool.exec(["condor_q"]).returncode == 0


@pytest.mark.slow
@pytest.mark.any_engine
def test_daemon_obeys_after_a_dead_shared_port(pool_engine: Engine) -> None:
    """A master whose shared_port was killed does not know its address, and is obeyed all the same.

    A pool of its own: the tools of others are refused there for five minutes.
    """
    name = f"t{uuid.uuid4().hex[:8]}"
    with Pool.create(name, execution_points=1, engine=pool_engine) as pool:
        pool.faults.kill("execute-1", "shared_port")

        def absent() -> str | None:
            found = processes.find(pool.node("execute-1"), "shared_port")
            return None if found else "there is no shared_port"

        wait_until(absent, timeout_s=WITHIN_S)
        argv = ["condor_reconfig", "-daemon", "master"]
        refused = pool.node("execute-1").exec(argv, user="root")
        assert "Failed to authenticate using FS" in refused.stderr
        with pool.faults.stop("execute-1", "startd"):
            await_ad(pool, "execute-1", "Name")
        await_ad(pool, "execute-1", "State", "Unclaimed")
        pool.set_debug_levels({"startd": "D_FULLDEBUG"}, node="execute-1")


# -- nodes ----------------------------------------------------------------------------------------


def test_drained_node_takes_no_jobs(pool: Pool, faults: Faults) -> None:
    """The slots of a node that is drained say so; healed, they can be claimed."""
    with faults.drain_node("execute-1"):
        await_ad(pool, "execute-1", "State", "Drained")
    await_ad(pool, "execute-1", "State", "Unclaimed")


@pytest.mark.slow
def test_drain_that_is_healed_at_once(pool: Pool, faults: Faults) -> None:
    """It is cancelled, though the ads at the collector are still from before it."""
    faults.drain_node("execute-1").heal()
    node = pool.node("execute-1")
    name = node.exec(["condor_config_val", "FULL_HOSTNAME"]).stdout.strip()
    seen = node.exec(["condor_status", "-direct", name, "-af", "State"], user="root")
    assert seen.stdout.split() == ["Unclaimed"]


@pytest.mark.every_engine
def test_killed_node_leaves_its_ads(pool: Pool, faults: Faults) -> None:
    """A node that is killed sends no farewell. Healed, it runs again, and its startd is new."""
    before = int(ad_of(pool, "execute-1", "DaemonStartTime"))
    with faults.kill_node("execute-1"):
        assert not pool.node("execute-1").is_running
        assert int(ad_of(pool, "execute-1", "DaemonStartTime")) == before
        assert pool.status().faults[0].fault == "kill-node"

    def old() -> str | None:
        now = ad_of(pool, "execute-1", "DaemonStartTime")
        return None if now and int(now) > before else f"DaemonStartTime is {now}"

    wait_until(old, timeout_s=WITHIN_S, interval_s=0.3)


@pytest.mark.slow
def test_stopped_node_takes_leave(pool: Pool, faults: Faults) -> None:
    """The ads of a node that is stopped are gone; healed, they are there again."""
    with faults.stop_node("execute-2"):
        await_ad(pool, "execute-2", "Name")
    assert ad_of(pool, "execute-2", "State") == "Unclaimed"


# -- jobs -----------------------------------------------------------------------------------------


@pytest.fixture
def log(pool: Pool) -> Iterator[str]:
    """The path of a job's event log."""
    path = f"/home/jovyan/faults-{uuid.uuid4().hex[:8]}.log"
    yield path
    pool.exec(["rm", "-f", path])


def begun(pool: Pool, log: str, script: str = "", **commands: str) -> str:
    """Submit a job that runs until it is struck; its id."""
    script = script or Gate(pool=pool).passage
    job = {
        "executable": "/bin/sh",
        "arguments": f"\"-c '{script}'\"",
        "transfer_executable": "false",
        "should_transfer_files": "YES",
        "request_disk": "1M",
        "log": log,
        **commands,
    }
    text = "".join(f"{key} = {value}\n" for key, value in job.items())
    result = pool.exec(["condor_submit", "-terse", "-"], stdin=f"{text}queue\n")
    assert result.returncode == 0, result.stderr
    return result.stdout.split()[0]


def await_event(pool: Pool, log: str, number: str, count: int = 1) -> str:
    """Wait until a job's log has so many events of a number; the log."""
    text = ""

    def absent() -> str | None:
        nonlocal text
        text = pool.exec(["cat", log]).stdout
        found = sum(line.startswith(f"{number} (") for line in text.splitlines())
        return None if found >= count else f"{found} events {number} in place of {count}"

    wait_until(absent, timeout_s=WITHIN_S, interval_s=0.2)
    return text


def test_jobs_are_struck(pool: Pool, faults: Faults, log: str) -> None:
    """A job's log has what befell it: held, released, evicted, vacated, removed."""
    job = begun(pool, log)
    await_event(pool, log, "001")
    faults.hold(job, reason="no input today", code=13, subcode=2)
    assert "no input today" in await_event(pool, log, "012")
    codes = pool.exec(["condor_q", job, "-af", "HoldReasonCode", "HoldReasonSubCode"]).stdout
    assert codes.split() == ["13", "2"]
    faults.release(job)
    await_event(pool, log, "013")
    await_event(pool, log, "001", 2)
    faults.evict(job)
    await_event(pool, log, "004", 2)  # the first one was that of the hold
    await_event(pool, log, "001", 3)
    faults.vacate(f"ClusterId == {int(float(job))}")
    await_event(pool, log, "004", 3)
    faults.remove(job)
    await_event(pool, log, "009")


def await_file(faults: Faults, job: str, file: str) -> None:
    """Wait until a job has written a file, and remove it."""

    def unwritten() -> str | None:
        try:
            faults.lose_file(job, file=file)
        except NotFound as failure:
            return failure.message
        return None

    wait_until(unwritten, timeout_s=WITHIN_S)


@pytest.mark.slow
def test_vacated_job_has_its_files_again(pool: Pool, faults: Faults, log: str) -> None:
    """A job that is vacated, and transfers its files then, has them when it runs again."""
    script = f"test -e state || {{ touch state begun; {Gate(pool=pool).passage}; }}"
    commands = {
        "when_to_transfer_output": "ON_EXIT_OR_EVICT",
        "transfer_output_files": "state",
        "initialdir": "/home/jovyan",
    }
    job = begun(pool, log, script, **commands)
    try:
        await_event(pool, log, "001")
        await_file(faults, job, "begun")
        faults.vacate(job)
        text = await_event(pool, log, "005")  # the gate is closed: it has found the file
    finally:
        pool.exec(["rm", "-f", "/home/jovyan/state"])
    assert text.index("Started transferring output files") < text.index("004 (")


@pytest.fixture
def logs(pool: Pool) -> Iterator[list[str]]:
    """The paths of five jobs' event logs."""
    paths = [f"/home/jovyan/faults-{uuid.uuid4().hex[:8]}.log" for _ in range(5)]
    yield paths
    pool.exec(["rm", "-f", *paths])


@pytest.mark.slow_on("docker")
def test_processes_of_jobs_are_struck(pool: Pool, faults: Faults, logs: list[str]) -> None:
    """A program ends by a signal, one with a code; jobs exceed time and disk; one loses a file."""
    gate = Gate(pool=pool)
    crashing, lasting = begun(pool, logs[0]), begun(pool, logs[1])
    script = f"touch out begun; {gate.passage}"
    losing = begun(pool, logs[2], script, transfer_output_files="out")
    filling = begun(pool, logs[3], periodic_hold="DiskUsage > RequestDisk")
    for log in logs[:4]:
        await_event(pool, log, "001")
    faults.fill_sandbox(filling)
    faults.signal(crashing, signal="SEGV")
    faults.time_limit(lasting)
    assert "Abnormal termination (signal 11)" in await_event(pool, logs[0], "005")
    exiting = begun(pool, logs[4])  # in the slot of the one that has crashed
    await_event(pool, logs[4], "001")
    faults.exit(exiting, code=77)
    assert "Normal termination (return value 77)" in await_event(pool, logs[4], "005")
    assert "exceeded allowed execute duration" in await_event(pool, logs[1], "012")
    await_file(faults, losing, "begun")
    faults.lose_file(losing, file="out")
    gate.open()
    assert "out: (errno 2)" in await_event(pool, logs[2], "012")
    assert "'DiskUsage > RequestDisk' evaluated to TRUE" in await_event(pool, logs[3], "012")


@pytest.mark.slow
def test_job_is_suspended_and_its_starter_killed(pool: Pool, faults: Faults, log: str) -> None:
    """The log and the slot say that the job is suspended, and that it goes on; then it is lost."""
    job = begun(pool, log)
    await_event(pool, log, "001")
    faults.suspend(job)
    await_event(pool, log, "010")
    suspended = ["condor_status", "-constraint", 'Activity == "Suspended"', "-af", "JobId"]

    def busy() -> str | None:
        return None if job in pool.exec(suspended).stdout.split() else "no slot is suspended"

    wait_until(busy, timeout_s=WITHIN_S, interval_s=0.3)
    faults.continue_jobs(job)
    await_event(pool, log, "011")
    faults.kill_starter(job)
    await_event(pool, log, "022")
    assert "Code 1008" in await_event(pool, log, "004")
    await_event(pool, log, "001", 2)


@pytest.mark.slow
def test_lost_input_holds_the_job(pool: Pool, faults: Faults, log: str) -> None:
    """A job whose input is gone when it starts is held; healed and released, it has it."""
    data = f"{log}.data"
    pool.exec(["touch", data])
    try:
        job = begun(pool, log, "true", transfer_input_files=data, hold="true")
        with faults.lose_input(job, file=data):
            faults.release(job)
            assert "(errno 2)" in await_event(pool, log, "012")
        faults.release(job)
        await_event(pool, log, "005")
    finally:
        pool.exec(["rm", "-f", data])


# -- whoever holds a fault is killed --------------------------------------------------------------


@pytest.fixture
def end_command(pool: Pool, cli: Cli, faults: Faults) -> Iterator[Callable[[int], int]]:
    """Sends a signal to a command that holds a fault in the foreground; its status."""
    del faults  # what is left is healed
    command = cli.begin("fault", "freeze", "execute-1", "startd", "--for", "10m")

    def not_yet() -> str | None:
        frozen = processes.stopped(pool.node("execute-1"))
        return None if frozen else f"nothing is frozen; status {command.poll()}"

    def end(number: int) -> int:
        command.send_signal(number)
        return command.wait(timeout=WITHIN_S)

    try:
        wait_until(not_yet, timeout_s=WITHIN_S)
        yield end
    finally:
        command.kill()
        command.communicate()


def is_frozen(node: Node) -> bool:
    """Whether a process of a node is stopped."""
    return bool(processes.stopped(node))


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_signal_heals_at_once(
    pool: Pool, end_command: Callable[[int], int], number: int, status: int
) -> None:
    """Ctrl-C and SIGTERM undo the fault before its time, and the status is that of the signal."""
    assert end_command(number) == status
    assert (is_frozen(pool.node("execute-1")), pool.faults.in_force()) == (False, [])


@pytest.mark.every_engine
def test_next_command_heals_what_a_killed_one_held(
    pool: Pool, cli: Cli, end_command: Callable[[int], int]
) -> None:
    """After SIGKILL the startd is still frozen, until the next command on the pool."""
    end_command(signal.SIGKILL)
    assert is_frozen(pool.node("execute-1"))
    shown = cli("status", "-o", "json")
    assert "Healed freeze" in shown.stderr
    assert json.loads(shown.stdout)["faults"] == []
    assert not is_frozen(pool.node("execute-1"))
