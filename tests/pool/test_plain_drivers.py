"""Plain nodes on networks of other drivers than bridge and host, as the older images were used."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pool.conftest import Docker

pytestmark = [pytest.mark.engines("docker"), pytest.mark.slow, pytest.mark.alone]
TIMEOUT_S = 60.0


def ran(*argv: str) -> subprocess.CompletedProcess[str]:
    """Run a command, whatever its status."""
    return subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


@pytest.fixture
def swarm() -> Iterator[None]:
    """This machine is a swarm of one host."""
    done = ran("docker", "swarm", "init", "--advertise-addr", "127.0.0.1")
    assert done.returncode == 0, done.stderr
    with ExitStack() as stack:
        for argv in (
            ("docker", "network", "rm", "docker_gwbridge"),
            (
                "docker",
                "network",
                "disconnect",
                "--force",
                "docker_gwbridge",
                "gateway_ingress-sbox",
            ),
            ("docker", "swarm", "leave", "--force"),
        ):
            stack.callback(ran, *argv)
        yield


@pytest.fixture
def lan() -> Iterator[str]:
    """A device that macvlan can use, which leads nowhere."""
    device = "cm-lan0"
    done = ran("ip", "link", "add", device, "type", "dummy")
    if done.returncode != 0:
        pytest.skip(f"this machine makes no such device: {done.stderr}")
    try:
        yield device
    finally:
        ran("ip", "link", "delete", device)


def check_pool(docker: Docker, network: str) -> None:
    """Nodes join by the master's name, and a job of the ordinary user runs."""
    approve = ("-e", "AUTO_APPROVE=0.0.0.0/0,600")
    master = docker.run("master", "--network", network, *approve)
    member = ("--network", network, "-e", f"MASTER={master.name}")
    submit = docker.run("submit", *member).wait_until_healthy()
    execute = docker.run("execute", *member).wait_until_healthy()
    assert submit.run_job("hostname") == execute.exec("hostname")


@pytest.mark.usefixtures("swarm")
def test_overlay(docker: Docker) -> None:
    """An attachable overlay, as the walk-through has it."""
    check_pool(docker, docker.network("--driver", "overlay", "--attachable"))


def test_macvlan(docker: Docker, lan: str) -> None:
    """Containers with addresses of the hosts' own network."""
    options = ("--driver", "macvlan", "--subnet", "10.213.78.0/24", "-o", f"parent={lan}")
    check_pool(docker, docker.network(*options))
