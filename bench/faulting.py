"""The faults: scenarios where the product has the fault, and else what strikes a pool here."""

from __future__ import annotations

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
NODES = ("master", "submit-1", "execute-1", "execute-2", "execute-3")
"""The nodes of the pool."""
FIRST = dict(
    zip((Role.CENTRAL_MANAGER, Role.ACCESS_POINT, Role.EXECUTION_POINT), NODES, strict=False)
)
"""The first node of each role."""
AT_ONCE_S = 0.1
"""A node that is ended is started again at once."""


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
    steps: str = ""
    """The steps of a scenario, YAML, if the product has the fault."""
    strike: Callable[[World], object] = lambda _: None
    """What is done otherwise: it has ended when this returns."""
    needs: Callable[[str | None], str | None] = lambda _: None
    """Why it cannot be done here, or None; given the command that restarts the engine, if any."""
    spec: Callable[[Path], Mapping[str, Any]] = lambda _: {}
    """What of the pool file is to differ."""
    prepare: Callable[[World], object] = lambda _: None
    """What is done to the pool before there is a workload."""


# -- processes and containers ---------------------------------------------------------------------


def kill_daemon(node: Node, daemon: str) -> None:
    """SIGKILL to one process of a daemon."""
    pattern = rf"^(/usr/(s?bin|libexec/condor)/)?condor_{daemon}( |$)"
    script = f"kill -KILL $(pgrep --newest --full '{pattern}')"
    said = node.exec(["bash", "-ec", script], user="root")
    assert said.returncode == 0, f"{daemon} is not there: {said.stderr}"


def _one_killed(world: World, daemon: str) -> None:
    kill_daemon(world.first(DAEMONS[daemon]), daemon)


def _master_killed(world: World) -> None:
    node = world.first(Role.ACCESS_POINT)
    kill_daemon(node, "master")
    _await_state(world, node, ContainerState.EXITED)
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


def step(fault: str, target: str, for_s: float | None = None) -> str:
    """Return a step of a scenario: when a tenth of the jobs have ended."""
    time = "" if for_s is None else f", for: {for_s:g}s"
    return f"- {{at: 10%, fault: {fault}, target: {target}{time}}}"


def _killed(daemon: str) -> Fault:
    what = f"SIGKILL of {daemon} on the {DAEMONS[daemon].words}"
    name = f"kill-{daemon.replace('_', '-')}"
    if daemon in _KILLED_BY_US:
        return Fault(name=name, what=what, strike=_KILLED_BY_US[daemon])
    return Fault(name=name, what=what, steps=step("kill", f"{FIRST[DAEMONS[daemon]]}/{daemon}"))


_KILLED_BY_US = {
    "master": _master_killed,
    "shadow": lambda world: _one_killed(world, "shadow"),
    "starter": lambda world: _one_killed(world, "starter"),
}
"""The product's fault strikes all processes of a daemon, and leaves a node that has ended."""


def _ended_node(role: Role, word: str, fault: str, what: str) -> Fault:
    article = "an" if role is Role.EXECUTION_POINT else "the"
    return Fault(
        name=f"{word}-{role.words.replace(' ', '-')}",
        what=what.format(f"{article} {role.words}"),
        steps=step(fault, FIRST[role], AT_ONCE_S),
    )


def _killed_node(role: Role) -> Fault:
    return _ended_node(role, "kill", "kill-node", "SIGKILL of {}'s container, started again")


def _stopped_node(role: Role) -> Fault:
    return _ended_node(role, "stop", "stop-node", "`docker stop` of {}, and its start")


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
        *map(_killed_node, CREATED_ROLES),
        Fault(name="kill-all", what="SIGKILL of all containers at once", strike=_all_killed),
        *map(_stopped_node, (Role.EXECUTION_POINT, Role.ACCESS_POINT)),
        Fault(
            name="restart-engine",
            what="restart of the engine",
            strike=_engine_restarted,
            needs=_restarts,
        ),
        Fault(
            name="cut-30",
            what="an execution point cut off from the network for 30 s",
            steps=step("partition", FIRST[Role.EXECUTION_POINT], 30),
        ),
        Fault(
            name="cut-lease",
            what=f"the same for {LEASE_S + 30} s, longer than the job lease",
            steps=step("partition", FIRST[Role.EXECUTION_POINT], LEASE_S + 30),
        ),
        *map(_moving, CREATED_ROLES),
        Fault(
            name="away",
            what=f"the central manager stopped for {AWAY_S} s",
            steps=step("stop-node", FIRST[Role.CENTRAL_MANAGER], AWAY_S),
        ),
        Fault(
            name="no-dns",
            what=f"no name server answers any node for {AWAY_S} s",
            steps="\n".join(step("silent-dns", node, AWAY_S) for node in NODES),
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
