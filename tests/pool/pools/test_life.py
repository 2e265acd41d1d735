"""Stop, start, restart and scale on a real engine; jobs are never lost."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

import pytest
from tests.pool.people import processes

from bench.workload import await_healthy
from condor_mini.base.errors import PoolNotReady
from condor_mini.base.waiting import wait_until
from condor_mini.nodes.node import Role
from condor_mini.pool import Pool
from gates import Gate

from .conftest import SLOTS, remove_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.pool.pools.conftest import Cli

    from condor_mini.engine import Engine

COMPLETED = "4"


@pytest.fixture(scope="module")
def made(pool_engine: Engine) -> Iterator[Pool]:
    """A pool of this module's own, with two execution points."""
    name = f"t{uuid.uuid4().hex[:8]}"
    with Pool.create(name, execution_points=2, engine=pool_engine) as made:
        yield made


@pytest.fixture
def own(made: Pool) -> Iterator[Pool]:
    """That pool; whatever a test has made of it, the next one finds it as it was."""
    yield made
    if not all(node.is_running for node in made.nodes):
        made.start()
    if sum(node.role is Role.EXECUTION_POINT for node in made.nodes) != 2:
        made.scale(2)
    remove_jobs(made)
    made.exec(["rm", "-f", "life.log", "out"])


@pytest.fixture
def cli(own: Pool, cli_of: Callable[[str], Cli]) -> Cli:
    """The command, about that pool."""
    return cli_of(own.name)


def submit(pool: Pool, command: str, count: int = 1, more: str = "") -> str:
    """Submit a shell command; its cluster."""
    job = (
        f"executable = /bin/sh\narguments = \"-c '{command}'\"\ntransfer_executable = false\n"
        'transfer_output_files = ""\nrequest_memory = 16\nlog = life.log\n'
        f"{more}\nqueue {count}\n"
    )
    said = pool.exec(["condor_submit", "-terse", "-"], stdin=job)
    assert said.returncode == 0, said.stderr
    return said.stdout.partition(".")[0]


# A node that is stopped before that tells the shadow nothing, and the job waits for its lease.
EXECUTES = "JobStatus == 2 && JobCurrentStartExecutingDate >= JobCurrentStartDate"


def await_running(pool: Pool, cluster: str, count: int = 1) -> list[str]:
    """Wait until so many jobs' processes run; on which nodes."""
    hosts: list[str] = []

    def probe() -> str | None:
        said = pool.exec(["condor_q", cluster, "-constraint", EXECUTES, "-af", "RemoteHost"])
        hosts[:] = [re.split("[@.]", host)[1] for host in said.stdout.split()]
        return None if len(hosts) == count else f"run: {hosts}"

    wait_until(probe, timeout_s=30)
    return hosts


def await_done(pool: Pool, cluster: str, count: int = 1, timeout_s: float = 60) -> list[str]:
    """Wait until so many jobs are in the history; how often each was started."""
    starts: list[str] = []

    def probe() -> str | None:
        said = pool.exec(["condor_history", cluster, "-af", "JobStatus", "NumJobStarts"])
        rows = [line.split() for line in said.stdout.splitlines()]
        starts[:] = [started for status, started in rows if status == COMPLETED]
        if len(starts) == count:
            return None
        return f"{rows}; queue: {pool.exec(['condor_q', '-nobatch']).stdout}"

    wait_until(probe, timeout_s=timeout_s)
    return starts


@pytest.mark.slow
def test_queue_and_history_outlive_a_restart(own: Pool, cli: Cli) -> None:
    """A restart keeps a job that waits, its id, and the history; jobs that ran run again.

    More jobs are in the queue than the pool has cores, so no probe job runs until one of them ends.
    """
    done = submit(own, "true")
    await_done(own, done)
    held = submit(own, "true", more="hold = true")
    gate = Gate(pool=own)
    cores = sum(map(int, own.exec([*SLOTS[:-1], "TotalSlotCpus"]).stdout.split()))
    running = submit(own, gate.passage, count=cores + 1)
    await_running(own, running, count=cores)
    cli.succeeds("restart", timeout_s=120)
    queued = own.exec(["condor_q", "-af", "ClusterId"]).stdout.split()
    assert {held, running} <= set(queued)
    assert done in own.exec(["condor_history", "-af", "ClusterId"]).stdout.split()
    gate.open()
    await_done(own, running, count=cores + 1)


def test_what_runs_when_the_schedd_dies_runs_on(own: Pool) -> None:
    """The next schedd takes a job over that runs: it is started once, and its output is there.

    By default the shadow of the schedd that died ends the job, up to 15 s after its own start.
    """
    cluster = submit(own, "sleep 20; echo done", more="output = out")
    await_running(own, cluster)
    access_point = own.node()
    for number, words in processes(own.engine, access_point.info.id).items():
        if words.startswith("condor_schedd"):
            access_point.exec(["kill", "-KILL", number], user="root")
    await_healthy(own, timeout_s=60)
    await_done(own, cluster)
    read = "cat out; grep -c ^001 life.log"
    assert own.exec(["sh", "-c", read]).stdout.split() == ["done", "1"]


@pytest.mark.every_engine
@pytest.mark.slow_on("embedded")
def test_stopped_pool_starts_again(own: Pool, cli: Cli) -> None:
    """After `stop` nothing runs; `start` gives a usable pool with the same nodes."""
    before = [node.info.id for node in own.nodes]
    cli.succeeds("stop")
    assert not any(node.is_running for node in own.nodes)
    result = cli("exec", "--", "true")
    assert (result.returncode, "condor-mini start" in result.stderr) == (5, True)
    cli.succeeds("start", timeout_s=120)
    assert [node.info.id for node in own.nodes] == before
    await_done(own, submit(own, "true"))


@pytest.mark.slow
def test_if_not_exists_starts_a_stopped_pool(own: Pool, cli: Cli) -> None:
    """`create --if-not-exists` gives a usable pool, also where there is a stopped one."""
    own.stop()
    cli.succeeds("create", "--if-not-exists", timeout_s=120)
    await_done(own, submit(own, "true"))


def test_one_node_is_restarted(own: Pool, cli: Cli) -> None:
    """--node restarts that node alone."""
    before = {node.name: node.info.started_at for node in own.nodes}
    cli.succeeds("restart", "--node", "execute-2", timeout_s=120)
    after = {node.name: node.info.started_at for node in own.nodes}
    assert [name for name in before if before[name] != after[name]] == [f"{own.name}-execute-2"]


def test_scale_up_gives_slots_at_once(own: Pool, cli: Cli) -> None:
    """When `scale` has ended, the new slots are there."""
    cli.succeeds("scale", "--execute", "4", timeout_s=120)
    slots = own.exec(SLOTS).stdout.split()
    assert slots == [f"{own.name}-execute-{number}" for number in (1, 2, 3, 4)]


def test_scale_down_lets_jobs_finish(own: Pool, cli: Cli) -> None:
    """A job on a node that goes ends there, without a second start; then the node is gone."""
    gate = Gate(pool=own)
    command = f"{gate.passage}; sleep 4"
    cluster = submit(own, command, count=2, more="request_cpus = 2\nrequirements = true")
    on = await_running(own, cluster, 2)
    gate.open()
    cli.succeeds("scale", "--execute", "1", timeout_s=120)
    points = [node.name for node in own.nodes if node.role is Role.EXECUTION_POINT]
    assert points == [f"{own.name}-execute-1"]
    assert set(await_done(own, cluster, 2)) == {"1"}, on
    assert own.exec(SLOTS).stdout.split() == points


@pytest.mark.every_engine
@pytest.mark.slow_on("docker")
def test_scale_down_after_the_grace_requeues(own: Pool, cli: Cli) -> None:
    """A job that outlasts --grace is put back into the queue and runs elsewhere."""
    # Not NumJobStarts, which a shadow tells the schedd of: it may end before.
    where = f'requirements = CondorMiniNode == "{own.name}-execute-2" || NumShadowStarts > 0'
    gate = Gate(pool=own)
    cluster = submit(own, gate.passage, more=where)
    assert await_running(own, cluster) == [f"{own.name}-execute-2"]
    result = cli("scale", "--execute", "1", "--grace", "1", timeout_s=120)
    assert result.returncode == 0, result.stderr
    assert "put back into the queue" in result.stderr
    gate.open()
    assert await_done(own, cluster) == ["2"]


@pytest.mark.slow
def test_scale_up_again_gets_new_nodes(own: Pool, cli: Cli) -> None:
    """After down and up again there are as many slots as asked for, and jobs run on all."""
    cli.succeeds("scale", "--execute", "1", timeout_s=120)
    cli.succeeds("scale", "--execute", "3", timeout_s=120)
    assert len(own.exec(SLOTS).stdout.split()) == 3


def test_pool_is_not_scaled_to_nothing(own: Pool, cli: Cli) -> None:
    """A pool without execution points is refused, and says what to do instead."""
    result = cli("scale", "--execute", "0")
    assert (result.returncode, "condor-mini stop" in result.stderr) == (2, True)
    assert len(own.nodes) == 4


@pytest.mark.every_engine
def test_node_that_died_is_named(own: Pool, pool_engine: Engine) -> None:
    """A command on a node that has ended says so, how it ended, and how to go on."""
    pool_engine.stop(f"{own.name}-execute-2", timeout_s=0)
    with pytest.raises(PoolNotReady, match=r"execute-2 has ended with \d+") as caught:
        own.exec(["true"], node="execute-2")
    assert f"condor-mini start -n {own.name}" in str(caught.value)
