"""A stack file, run by Docker Swarm without condor-mini."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from condor_mini.engine import Engine

    from .conftest import Cli

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.pool_engines("docker", reason="Docker Swarm runs it"),
]

TIMEOUT_S = 100.0
READY_TIMEOUT_S = 90.0
STACK = "t"
JOBS = """\
cat >job.sub <<END
executable = /bin/sh
transfer_executable = false
arguments = "-c 'sleep 0.5; hostname'"
should_transfer_files = yes
output = out.\\$(Process)
log = log
request_memory = 32
request_disk = 1M
request_cpus = 1
queue 40
END
condor_submit -terse job.sub
"""


def docker(*argv: str, cwd: Path | None = None) -> str:
    """Run a command of Docker's, which succeeds; what it wrote to stdout."""
    return ran("docker", *argv, cwd=cwd)


def ran(*argv: str, cwd: Path | None = None) -> str:
    """Run a command, which succeeds; what it wrote to stdout."""
    done = subprocess.run(
        argv, cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def access_point() -> str:
    """The container of the access point's service."""
    found = docker("ps", "-q", "--filter", f"name={STACK}_mini-submit-1\\.").split()
    assert len(found) == 1, found
    return found[0]


def asked(*argv: str) -> str:
    """Run a command as the user on the access point."""
    return docker("exec", "-u", "jovyan", "-w", "/home/jovyan", access_point(), *argv)


def await_slots(names: set[str]) -> None:
    """Wait until the slots of these machines are at the collector."""

    def missing() -> str | None:
        try:
            found = set(asked("condor_status", "-af", "Machine").split())
        except AssertionError as error:  # the access point is not ready
            return str(error)
        short = {name.partition(".")[0] for name in found}
        return None if short == names else f"these are there: {short}"

    wait_until(missing, timeout_s=READY_TIMEOUT_S, interval_s=0.5)


def await_ended(count: int) -> None:
    """Wait until so many jobs have left the queue; the access point may be replaced meanwhile."""

    def missing() -> str | None:
        try:
            ended = asked("condor_history", "-af", "ClusterId").split()
        except AssertionError as error:
            return str(error)
        return None if len(ended) == count else f"{len(ended)} jobs have ended"

    wait_until(missing, timeout_s=READY_TIMEOUT_S, interval_s=1)


def nodes(count: int) -> set[str]:
    """The names of so many execution points."""
    return {f"mini-execute-{number}" for number in range(1, count + 1)}


@pytest.fixture
def swarm(pool_engine: Engine) -> Iterator[None]:
    """This machine is a swarm of one host."""
    del pool_engine
    state = json.loads(docker("info", "--format", "{{json .Swarm}}"))["LocalNodeState"]
    if state != "inactive":
        pytest.skip("this machine is part of a swarm already")
    docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    yield
    docker("swarm", "leave", "--force")
    # Swarm leaves its bridge, with an end of its own.
    end = ("network", "disconnect", "--force", "docker_gwbridge", "gateway_ingress-sbox")
    subprocess.run(["docker", *end], capture_output=True, check=False)
    docker("network", "rm", "docker_gwbridge")


@pytest.fixture
def stack(swarm: None, fresh: Cli, tmp_path: Path) -> Iterator[Path]:
    """The directory of a stack that was exported and deployed with two execution points."""
    del swarm
    fresh.succeeds("export", "swarm", "--execute", "2", cwd=tmp_path)
    ran("sh", "secrets.sh", cwd=tmp_path)
    deploy(tmp_path)
    yield tmp_path
    docker("stack", "rm", STACK)
    of_stack = ("--filter", f"label=com.docker.stack.namespace={STACK}")

    def left() -> str | None:
        containers = docker("ps", "-aq", *of_stack).split()
        networks = docker("network", "ls", "-q", *of_stack).split()
        return f"left are {containers} {networks}" if containers or networks else None

    wait_until(left, timeout_s=60, interval_s=0.5)
    docker("volume", "rm", *docker("volume", "ls", "-q", *of_stack).split())


def deploy(directory: Path) -> None:
    """Create the stack, or make it what the file says now."""
    argv = ("--resolve-image", "never", "-c", "stack.yaml", STACK)
    docker("stack", "deploy", *argv, cwd=directory)


def test_pool_runs_is_scaled_and_updated(stack: Path, fresh: Cli) -> None:
    """Jobs run while execution points come, go and are replaced, and none is lost."""
    await_slots(nodes(2))
    asked("bash", "-c", JOBS)
    docker("service", "scale", "--detach", f"{STACK}_mini-execute=4")
    await_slots(nodes(4))
    changed = "version: 1\nname: mini\nexecution_points: [{count: 3, config: 'X = 1'}]\n"
    (stack / "pool.yaml").write_text(changed)
    fresh.succeeds("export", "swarm", "-c", "pool.yaml", "--force", cwd=stack)
    deploy(stack)
    await_ended(40)
    assert asked("condor_history", "-af", "ExitCode").split() == ["0"] * 40
    await_slots(nodes(3))


def test_secrets_are_made_once_and_shown_nowhere(stack: Path) -> None:
    """The script leaves what is there, and `inspect` shows no token."""
    assert ran("sh", "secrets.sh", cwd=stack) == "the secrets of mini are there\n"
    await_slots(nodes(2))
    token = docker("exec", "-u", "root", access_point(), "cat", "/root/secrets/token").strip()
    assert len(token) > 100
    of_stack = docker("ps", "-q", "--filter", f"label=com.docker.stack.namespace={STACK}").split()
    assert token not in docker("inspect", *of_stack)
    assert token not in docker("service", "inspect", f"{STACK}_mini-submit-1")
