"""The faults: each strikes a pool on which a workload runs, and has ended when it returns."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.machine import docker
from condor_mini.base.errors import CondorMiniError
from condor_mini.base.waiting import wait_until
from condor_mini.engine import ContainerState
from condor_mini.nodes.node import CREATED_ROLES, Node, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bench.workload import Workload
    from condor_mini.pool import Pool

LEASE_S = 60
"""Of the profile dev: how long a job is waited for whose execution point is silent."""
AWAY_S = 60
DAEMONS = {
    "master": Role.ACCESS_POINT,
    "collector": Role.CENTRAL_MANAGER,
    "negotiator": Role.CENTRAL_MANAGER,
    "schedd": Role.ACCESS_POINT,
    "shadow": Role.ACCESS_POINT,
    "startd": Role.EXECUTION_POINT,
    "starter": Role.EXECUTION_POINT,
    "shared_port": Role.ACCESS_POINT,
    "procd": Role.EXECUTION_POINT,
}
NO_SERVER = "nameserver 192.0.2.1\n"
"""An address that nobody has (RFC 5737)."""
_LINK = (
    "import fcntl, socket, struct\n"
    # SIOCSIFFLAGS, netdevice(7)
    'fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14x", b"eth0", {up}))\n'
)


@dataclass(frozen=True, kw_only=True)
class World:
    """What a fault strikes."""

    pool: Pool
    workload: Workload
    place: Path
    """A directory of the host for this fault alone."""
    restart_engine: str | None = None
    """The command that restarts the engine."""

    def first(self, role: Role) -> Node:
        """The first node of a role."""
        return self.pool.node(role=role)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is done to a pool while it works."""

    name: str
    what: str
    strike: Callable[[World], object]
    needs: Callable[[str | None], str | None] = lambda _: None
    """Why it cannot be done here, or None; given the command that restarts the engine, if any."""
    spec: Callable[[Path], Mapping[str, Any]] = lambda _: {}
    """What of the pool file is to differ."""
    prepare: Callable[[World], object] = lambda _: None
    """What is done to the pool before there is a workload."""


def _is_root(_: str | None) -> str | None:
    return None if os.geteuid() == 0 else "it takes root"


def as_host_root(node: Node, *argv: str) -> None:
    """Run a command in a node's namespaces as the host's root, who may more than the node's own."""
    pid = docker("inspect", "--format", "{{.State.Pid}}", node.name)
    inside = ["nsenter", "--target", pid, "--mount", "--net", "--pid"]
    subprocess.run([*inside, *argv], check=True, timeout=60)


# -- processes and containers ---------------------------------------------------------------------


def kill_daemon(node: Node, daemon: str) -> None:
    """SIGKILL to one process of a daemon."""
    pattern = rf"^(/usr/(s?bin|libexec/condor)/)?condor_{daemon}( |$)"
    script = f"kill -KILL $(pgrep --newest --full '{pattern}')"
    said = node.exec(["bash", "-ec", script], user="root")
    assert said.returncode == 0, f"{daemon} is not there: {said.stderr}"


def _daemon_killed(world: World, daemon: str) -> None:
    node = world.first(DAEMONS[daemon])
    kill_daemon(node, daemon)
    if daemon == "master":
        _await_state(world, node, ContainerState.EXITED)
        world.pool.start(node=node.name)


def kill_container(world: World, role: Role, *, away_s: float = 0) -> None:
    """SIGKILL to all that is in a node, and its start after so many seconds."""
    node = world.first(role)
    docker("kill", node.name)
    time.sleep(away_s)
    world.pool.start(node=node.name)


def _stopped(world: World, role: Role, *, away_s: float = 0) -> None:
    node = world.first(role)
    docker("stop", node.name)
    time.sleep(away_s)
    world.pool.start(node=node.name)


def _all_killed(world: World) -> None:
    docker("kill", *(node.name for node in world.pool.nodes))
    world.pool.start()


def _await_state(world: World, node: Node, state: ContainerState) -> None:
    def probe() -> str | None:
        info = world.pool.engine.inspect(node.info.id)
        return None if info and info.state is state else f"{node.name} is not {state}"

    wait_until(probe, timeout_s=30)


def _engine_restarted(world: World) -> None:
    assert world.restart_engine
    subprocess.run(["sh", "-c", world.restart_engine], check=True, timeout=120)

    def probe() -> str | None:
        try:
            docker("version")
        except CondorMiniError as error:
            return error.message
        return None

    wait_until(probe, timeout_s=60)
    world.pool.start()


def _restarts(restart_engine: str | None) -> str | None:
    return None if restart_engine else "no --restart-engine COMMAND is given"


# -- network --------------------------------------------------------------------------------------


@contextmanager
def cut_off(node: Node) -> Iterator[None]:
    """A node whose network interface is down for the time of the context; its address stays."""
    as_host_root(node, "python3", "-c", _LINK.format(up=0))
    try:
        yield
    finally:
        as_host_root(node, "python3", "-c", _LINK.format(up=1))


def _cut(world: World, seconds: float) -> None:
    with cut_off(world.first(Role.EXECUTION_POINT)):
        time.sleep(seconds)


def _moved(world: World, role: Role) -> None:
    """Kill a node, and start it while another container has its address."""
    node = world.first(role)
    before = node.address
    docker("kill", node.name)
    with _squatter(world):
        world.pool.start(node=node.name)
        after = world.first(role).address
    assert before != after, f"{node.name} has the address {before} again"


@contextmanager
def _squatter(world: World) -> Iterator[None]:
    """Somebody who takes the next free address of the pool's network."""
    name = f"{world.pool.name}-squatter"
    image = world.first(Role.EXECUTION_POINT).info.image
    network = ("--network", world.pool.name)
    docker("run", "-d", "--name", name, *network, "--entrypoint", "sleep", image, "600")
    try:
        yield
    finally:
        docker("rm", "--force", name)


def _no_names(world: World) -> None:
    """No name server answers, on any node."""
    file = "/etc/resolv.conf"
    before = {node.name: node.exec(["cat", file], user="root").stdout for node in world.pool.nodes}
    for name in before:
        docker("exec", "-i", "-u", "root", name, "tee", file, stdin=NO_SERVER)
    time.sleep(AWAY_S)
    for name, text in before.items():
        docker("exec", "-i", "-u", "root", name, "tee", file, stdin=text)


# -- what runs out, and what is too much ----------------------------------------------------------

SPOOL = "/var/spool/condor"
SPOOL_MB = 16


def _small_spool(world: World) -> None:
    """Have the access point made anew with a spool that has room for little."""
    node = world.first(Role.ACCESS_POINT)
    spool = f"{node.name}-spool"
    (volume,) = (each for each in world.pool.engine.volumes({}) if each.name == spool)
    docker("rm", "--force", node.name)
    docker("volume", "rm", spool)
    options = {"type": "tmpfs", "device": "tmpfs", "o": f"size={SPOOL_MB}m,mode=0755"}
    argv = [f"--opt={key}={value}" for key, value in options.items()]
    argv += [f"--label={key}={value}" for key, value in volume.labels.items()]
    docker("volume", "create", *argv, spool)
    world.pool.start()


def _disk_full(world: World) -> None:
    node = world.first(Role.ACCESS_POINT)
    fill = f"head -c {SPOOL_MB * 2}M /dev/zero >{SPOOL}/filler; df {SPOOL} | tail -n 1"
    assert "100%" in node.exec(["sh", "-c", fill], user="root").stdout
    time.sleep(AWAY_S / 2)
    node.exec(["rm", f"{SPOOL}/filler"], user="root")


def _hungry(world: World) -> None:
    """A job that takes more memory than its execution point may have."""
    job = (
        "executable = /bin/sh\narguments = \"-c 'head -c 900m /dev/zero | tail -n 1'\"\n"
        'transfer_executable = false\ntransfer_output_files = ""\nrequest_memory = 16\n'
        f"initialdir = {world.workload.name}\nlog = hungry.log\nmax_retries = 0\nqueue 3\n"
    )
    said = world.workload.shell("condor_submit -terse -", stdin=job)
    world.workload.shell(f"condor_wait -wait 120 {world.workload.name}/hungry.log; :")
    cluster = said.partition(".")[0]
    codes = world.workload.shell(f"condor_history {cluster} -af ExitBySignal ExitCode")
    print(f"memory-limit: ExitBySignal and ExitCode: {codes.split()}", file=sys.stderr)


def _burst(world: World, per_second: int = 100, seconds: int = 10) -> None:
    job = world.workload.description("burst", "echo burst $(Process) is done")
    script = (Path(__file__).parent / "inside" / "burst.py").read_text()
    said = world.pool.exec(
        ["python3", "-Wignore", "-c", script, str(per_second), str(seconds)],
        stdin=job,
        timeout_s=300,
    )
    if said.returncode != 0:
        raise CondorMiniError(said.stderr)
    *clusters, took = said.stdout.split()
    for cluster in clusters:
        world.workload.add(int(cluster), "burst", 1)
    print(f"submits: {len(clusters) / float(took):.0f} a second", file=sys.stderr)


# -- time -----------------------------------------------------------------------------------------

LIBRARY = "libfaketime.so.1"


def _library() -> Path | None:
    return next(Path("/usr/lib").glob(f"*/faketime/{LIBRARY}"), None)


def _faketime(_: str | None) -> str | None:
    return None if _library() else "containers share the host's clock, and libfaketime is absent"


def _clock_spec(place: Path) -> Mapping[str, Any]:
    library = _library()
    assert library
    # The daemons look as whatever user they just are: else they would have two clocks.
    place.chmod(0o755)
    (place / LIBRARY).write_bytes(library.read_bytes())
    (place / LIBRARY).chmod(0o755)
    (place / "offset").write_text("+0\n")
    environment = {
        "LD_PRELOAD": f"/faketime/{LIBRARY}",
        "FAKETIME_TIMESTAMP_FILE": "/faketime/offset",
        "FAKETIME_CACHE_DURATION": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",  # files keep their times when a host's clock jumps
    }
    volume = {"source": str(place), "target": "/faketime", "read_only": True}
    return {"environment": environment, "volumes": [volume]}


def _jump(world: World, offset: str) -> None:
    (world.place / "offset").write_text(f"{offset}\n")
    time.sleep(AWAY_S / 2)


def _killed(daemon: str) -> Fault:
    return Fault(
        name=f"kill-{daemon.replace('_', '-')}",
        what=f"SIGKILL of {daemon} on the {DAEMONS[daemon].words}",
        strike=lambda world: _daemon_killed(world, daemon),
    )


def _moving(role: Role) -> Fault:
    return Fault(
        name=f"move-{role.words.replace(' ', '-')}",
        what=f"the {role.words} killed, and started with another address",
        strike=lambda world: _moved(world, role),
    )


FAULTS = {
    fault.name: fault
    for fault in (
        Fault(name="none", what="nothing", strike=lambda _: None),
        *map(_killed, DAEMONS),
        Fault(
            name="kill-central-manager",
            what="SIGKILL of the central manager's container, started again",
            strike=lambda world: kill_container(world, Role.CENTRAL_MANAGER),
        ),
        Fault(
            name="kill-access-point",
            what="SIGKILL of the access point's container, started again",
            strike=lambda world: kill_container(world, Role.ACCESS_POINT),
        ),
        Fault(
            name="kill-execution-point",
            what="SIGKILL of an execution point's container, started again",
            strike=lambda world: kill_container(world, Role.EXECUTION_POINT),
        ),
        Fault(name="kill-all", what="SIGKILL of all containers at once", strike=_all_killed),
        Fault(
            name="stop-execution-point",
            what="`docker stop` of an execution point, and its start",
            strike=lambda world: _stopped(world, Role.EXECUTION_POINT),
        ),
        Fault(
            name="stop-access-point",
            what="`docker stop` of the access point, and its start",
            strike=lambda world: _stopped(world, Role.ACCESS_POINT),
        ),
        Fault(
            name="restart-engine",
            what="restart of the engine",
            strike=_engine_restarted,
            needs=_restarts,
        ),
        Fault(
            name="cut-30",
            needs=_is_root,
            what="an execution point's network down for 30 s",
            strike=lambda world: _cut(world, 30),
        ),
        Fault(
            name="cut-lease",
            needs=_is_root,
            what=f"the same for {LEASE_S + 30} s, longer than the job lease",
            strike=lambda world: _cut(world, LEASE_S + 30),
        ),
        *map(_moving, CREATED_ROLES),
        Fault(
            name="away",
            what=f"the central manager stopped for {AWAY_S} s",
            strike=lambda world: _stopped(world, Role.CENTRAL_MANAGER, away_s=AWAY_S),
        ),
        Fault(
            name="no-dns",
            what=f"no name server answers any node for {AWAY_S} s",
            strike=_no_names,
        ),
        Fault(
            name="disk-full",
            what=f"the disk of the spool full for {AWAY_S // 2} s",
            strike=_disk_full,
            prepare=_small_spool,
        ),
        Fault(
            name="clock-forward",
            what="the clock of all nodes an hour forward (libfaketime)",
            strike=lambda world: _jump(world, "+3600"),
            needs=_faketime,
            spec=_clock_spec,
        ),
        Fault(
            name="clock-back",
            what="the clock of all nodes an hour back (libfaketime)",
            strike=lambda world: _jump(world, "-3600"),
            needs=_faketime,
            spec=_clock_spec,
        ),
        Fault(
            name="memory-limit",
            what="three jobs take more memory than their execution point's limit",
            strike=_hungry,
            spec=lambda _: {"limit": {"memory": "256MB"}},
        ),
        Fault(name="submits", what="100 submits a second for 10 s", strike=_burst),
    )
}
