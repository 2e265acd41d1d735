"""Daemons that die come back, containers end and start as an engine expects, and health is true."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.pool.conftest import stops_fast_and_starts

from condor_mini.base.layout import HEALTH
from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from tests.pool.conftest import Docker, Node, Pool

pytestmark = pytest.mark.engines("docker")

BACK_S = 30
DAEMONS = [
    ("master", "collector", "Collector"),
    pytest.param("master", "negotiator", "Negotiator", marks=pytest.mark.slow),
    pytest.param("master", "shared_port", "Collector", marks=pytest.mark.slow),
    ("submit", "schedd", "Scheduler"),
    pytest.param("submit", "shared_port", "Scheduler", marks=pytest.mark.slow),
    ("execute", "startd", "Machine"),
    ("execute", "shared_port", "Machine"),
]
PIDS = "pgrep -f '^(/usr/(s?bin|libexec/condor)/)?condor_{}( |$)'"


def ad_since(node: Node, kind: str) -> str:
    """When the daemon that sent this node's ad was started, as the collector has it."""
    constraint = f'MyType == "{kind}" && CondorMiniNode == "{node.exec("hostname")}"'
    return node.exec("condor_status", "-any", "-constraint", constraint, "-af", "DaemonStartTime")


@pytest.fixture(scope="module")
def calm(shared: Docker) -> Pool:
    """A pool where nothing is killed.

    After a SIGKILL of its shared_port a condor_master refuses the tools of its own node for a
    while: FS authentication compares addresses, and it does not know its own for that time.
    """
    return shared.pool()


@pytest.mark.parametrize(("role", "daemon", "kind"), DAEMONS)
def test_a_killed_daemon_is_back(pool: Pool, role: str, daemon: str, kind: str) -> None:
    """Each daemon that is killed runs again within seconds, and its node's ad is there."""
    node = {"master": pool.master, "submit": pool.submit, "execute": pool.execute}[role]
    pool.wait_until_healthy()
    before = node.shell(PIDS.format(daemon)).split()[0]
    node.exec("kill", "-9", before)

    def probe() -> str | None:
        pids = node.attempt("bash", "-c", PIDS.format(daemon)).stdout.split()
        return None if pids and before not in pids else f"{daemon} is not back"

    wait_until(probe, timeout_s=BACK_S)
    node.wait_until_healthy(BACK_S)
    assert kind in node.exec("condor_status", "-any", "-af", "MyType")


def test_a_killed_procd_is_back(docker: Docker) -> None:
    """The process that tracks the others is started again, and the node obeys as before."""
    node = docker.run("master").wait_until_healthy()
    before = node.shell(PIDS.format("procd"))
    node.exec("kill", "-9", before)
    node.wait_for(f"{PIDS.format('procd')} | grep -vcx {before}", "1", within_s=BACK_S)
    node.exec("condor_off", "-daemon", "negotiator")
    node.wait_for("pgrep -cf ^condor_negotiator", "0")
    node.exec("condor_on", "-daemon", "negotiator")
    node.wait_until_healthy()


def test_a_killed_startd_advertises_anew(pool: Pool) -> None:
    """The ad at the collector after a startd was killed is the new startd's."""
    before = ad_since(pool.execute, "Machine")
    pool.execute.shell("kill -9 $(pgrep -f ^condor_startd)")

    def probe() -> str | None:
        return None if ad_since(pool.execute, "Machine") != before else "still the old ad"

    wait_until(probe, timeout_s=BACK_S)


def test_one_daemon_is_stopped_and_started_from_outside(calm: Pool) -> None:
    """condor_off and condor_on of one daemon work by exec, and health says what is off."""
    calm.execute.exec("condor_off", "-daemon", "startd")
    calm.execute.wait_for("pgrep -cf ^condor_startd", "0")
    assert "STARTD was stopped" in calm.execute.health()
    calm.execute.exec("condor_on", "-daemon", "startd")
    calm.execute.wait_until_healthy()


def test_one_daemon_is_restarted_from_outside(calm: Pool) -> None:
    """condor_restart of one daemon by exec gives it a new process."""
    before = calm.submit.exec("pgrep", "-f", "^condor_schedd")
    calm.submit.exec("condor_restart", "-daemon", "schedd")
    calm.submit.wait_for(f"pgrep -f ^condor_schedd | grep -vcx {before}", "1")
    calm.submit.wait_until_healthy()


def test_condor_restart_keeps_the_container(calm: Pool) -> None:
    """condor_restart of a whole node answers, and the container goes on."""
    started = calm.execute.inspect("{{.State.StartedAt}}")
    said = calm.execute.exec("condor_restart")
    assert 'Sent "Restart" command to local master' in said
    starts = "grep -c 'condor_master .* STARTING UP' /var/log/condor/MasterLog"
    calm.execute.wait_for(starts, "2")
    calm.execute.wait_until_healthy()
    assert calm.execute.inspect("{{.State.StartedAt}}") == started


def test_condor_who_tells_the_daemons(pool: Pool) -> None:
    """condor_who -quick by exec names each daemon and that it is alive."""
    pool.submit.wait_until_healthy()
    said = pool.submit.exec("condor_who", "-quick")
    assert 'SCHEDD = "Alive"' in said
    assert 'MASTER = "Alive"' in said


def test_tini_is_process_1(pool: Pool) -> None:
    """Process 1 of every node is tini."""
    assert [node.exec("cat", "/proc/1/comm") for node in pool.nodes] == ["tini"] * 3


def test_zombies_are_reaped(pool: Pool) -> None:
    """A process that lost its parent and ends leaves no zombie."""
    pool.execute.shell("(sleep 0.2345 &) ; :")
    pool.execute.wait_for("pgrep -cf '^sleep 0.2345'", "0")
    assert " Z" not in pool.execute.exec("ps", "-eo", "comm,stat")


def test_a_container_ends_with_its_killed_master(docker: Docker) -> None:
    """A container whose condor_master is killed ends with a shell's status for that, 137."""
    node = docker.run("master").wait_until_healthy()
    node.exec("pkill", "-9", "-f", "^condor_master")
    assert node.wait_until_ended() == 137


def test_the_restart_policy_acts(docker: Docker) -> None:
    """With --restart on-failure a node whose condor_master is killed comes back."""
    node = docker.run("master", "--restart", "on-failure").wait_until_healthy()
    node.exec("pkill", "-9", "-f", "^condor_master")

    def probe() -> str | None:
        state = node.inspect("{{.RestartCount}} {{.State.Running}} {{.State.Restarting}}")
        return None if state == "1 true false" else f"restarts, running, restarting: {state}"

    wait_until(probe, timeout_s=BACK_S)
    node.wait_until_healthy()


@pytest.mark.alone
def test_an_idle_node_stops_fast(pool: Pool) -> None:
    """The engine's stop of an idle node takes under 3 s and ends with 0; it starts again."""
    for node in (pool.execute, pool.submit, pool.master):
        stops_fast_and_starts(node, pool)


@pytest.mark.slow
def test_a_stop_ends_a_stubborn_job_in_time(docker: Docker) -> None:
    """An execution point whose job ignores SIGTERM ends by itself before the engine kills it."""
    pool = docker.pool()
    job = pool.submit.submit("trap : TERM; while :; do sleep 1; done")
    pool.submit.wait_until_running(job)
    before = time.monotonic()
    pool.execute.stop()
    assert time.monotonic() - before < 10
    assert pool.execute.exit_code == 0
    pool.submit.wait_for_state(job, 1)
    pool.execute.start()
    pool.submit.wait_until_running(job, starts=2)


def test_health_of_a_node_that_lost_its_master(calm: Pool) -> None:
    """A node whose central manager is stopped is unhealthy, and healthy again with it."""
    calm.master.stop()
    assert f"the collector at {calm.master.name} does not answer" in calm.execute.health()
    calm.master.start()
    calm.wait_until_healthy()


def test_a_stop_loses_no_job(calm: Pool) -> None:
    """Idle, held and running jobs are in the queue after the access point was stopped."""
    running = calm.submit.submit("trap : TERM; while :; do sleep 1; done")
    calm.submit.wait_until_running(running)
    idle = calm.submit.submit("true", "requirements = false")
    held = calm.submit.submit("true", "hold = true")
    calm.submit.stop()
    assert calm.submit.exit_code == 0
    calm.submit.start()
    calm.submit.wait_until_healthy()
    queue = calm.submit.exec("condor_q", "-all", "-af", "ClusterId")
    assert queue.split() == [running, idle, held]


def test_the_engine_shows_health(docker: Docker) -> None:
    """The engine's own record of a node turns healthy, and unhealthy when a daemon is off."""
    node = docker.run("master", "--health-interval=1s", "--health-start-period=1s")

    def probe(expected: str) -> str | None:
        health = node.inspect("{{.State.Health.Status}}")
        return None if health == expected else f"it is {health}"

    wait_until(lambda: probe("healthy"), timeout_s=BACK_S)
    node.exec("condor_off", "-daemon", "negotiator")
    wait_until(lambda: probe("unhealthy"), timeout_s=BACK_S)


def test_health_is_cheap(pool: Pool) -> None:
    """A health check costs less than 0.15 s of processor time (0.04 s on an idle machine)."""
    pool.execute.wait_until_healthy()
    times = pool.execute.shell(f"TIMEFORMAT='%U %S'; {{ time {HEALTH}; }} 2>&1")
    assert sum(map(float, times.split())) < 0.15
