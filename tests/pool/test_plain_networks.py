"""Three ``docker run`` make a pool, on every network that an engine has."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.pool.conftest import Docker, Node

pytestmark = pytest.mark.engines("docker")

APPROVE = ("-e", "AUTO_APPROVE=0.0.0.0/0")


def slots(master: Node) -> list[str]:
    """The machines whose slots are at the collector."""
    return sorted(master.exec("condor_status", "-af", "CondorMiniNode").split())


def test_default_bridge_by_address(docker: Docker) -> None:
    """On the default bridge nodes join by the master's address, and a job runs."""
    master = docker.run("master", *APPROVE)
    submit = docker.run("submit", "-e", f"MASTER={master.address}")
    execute = docker.run("execute", "-e", f"MASTER={master.address}")
    submit.wait_until_healthy()
    execute.wait_until_healthy()
    assert submit.run_job("hostname") == execute.exec("hostname")


def test_user_defined_network_by_name(docker: Docker) -> None:
    """On a user-defined network nodes join by the master's name; each of three executors counts."""
    pool = docker.pool(executors=3)
    assert slots(pool.master) == sorted(node.exec("hostname") for node in pool.executes)


@pytest.fixture
def port() -> int:
    """A port of this host that nobody has: others test pools at 9618 meanwhile."""
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def host(port: int) -> tuple[str, ...]:
    """Options of a node on the host's own network, which listens there."""
    return ("--network", "host", "-e", f"_CONDOR_COLLECTOR_PORT={port}")


def test_host_network(docker: Docker, host: tuple[str, ...], port: int) -> None:
    """Four nodes share the host's own network: each has its own port and name, and a job runs."""
    master = docker.run("master", "-e", "AUTO_APPROVE=127.0.0.1", *host)
    member = ("-e", f"MASTER=127.0.0.1:{port}", *host)
    submit = docker.run("submit", *member)
    executes = [docker.run("execute", *member) for _ in range(2)]
    for node in (master, submit, *executes):
        node.wait_until_healthy()
    assert submit.run_job("echo done") == "done"
    names = master.exec("condor_status", "-af", "Name").split()
    assert len({name for name in names if name.count("@") == 2}) == len(names) >= 2


@pytest.mark.slow
def test_host_network_started_before_the_master(
    docker: Docker, host: tuple[str, ...], port: int
) -> None:
    """A node on the host's network that was there first leaves the port to the master."""
    execute = docker.run("execute", "-e", f"MASTER=127.0.0.1:{port}", *host)
    execute.wait_for_log("cannot reach")
    docker.run("master", "-e", "AUTO_APPROVE=127.0.0.1", *host).wait_until_healthy()
    execute.wait_until_healthy()


def test_host_network_where_the_port_is_taken(
    docker: Docker, host: tuple[str, ...], port: int
) -> None:
    """A central manager says at once that somebody has its port, be it on one address of many."""
    with socket.create_server(("127.0.0.9", port)):
        ended = docker.foreground("master", *host)
    told = f"the port {port} of this host is already in use" in ended.stderr
    assert (ended.returncode, told) == (6, True)


def test_fixed_addresses_and_host_names(docker: Docker) -> None:
    """With --ip and --hostname the ads have that address and that name."""
    network = docker.network("--subnet", "10.213.77.0/24")
    where = ("--network", network)
    master = docker.run("master", "--ip", "10.213.77.10", *APPROVE, *where)
    docker.run(
        *("execute", "-e", "MASTER=10.213.77.10", *where),
        *("--ip", "10.213.77.11", "--hostname", "worker7"),
    ).wait_until_healthy()
    ad = master.exec("condor_status", "-af", "Machine", "MyAddress")
    assert ad.startswith("worker7.nodes.internal <10.213.77.11:9618?")


@pytest.mark.slow
def test_another_port(docker: Docker) -> None:
    """MASTER=host:port reaches a central manager on a port of its own."""
    network = docker.network()
    master = docker.run(
        "master", "-e", "_CONDOR_COLLECTOR_PORT=9700", *APPROVE, "--network", network
    )
    docker.run(
        "execute", "-e", f"MASTER={master.name}:9700", "--network", network
    ).wait_until_healthy()


@pytest.mark.slow
def test_nodes_come_back_after_a_restart(docker: Docker) -> None:
    """After the engine's restart of a node, and of the master, the pool is whole and runs jobs."""
    pool = docker.pool()
    pool.execute.restart()
    pool.wait_until_healthy()
    pool.master.restart()
    pool.wait_until_healthy()
    assert pool.submit.run_job("hostname") == pool.execute.exec("hostname")


def test_a_master_made_anew(docker: Docker) -> None:
    """With a new master of the same name, a node that is restarted asks it for a new token."""
    network = docker.network()
    new = ("master", *APPROVE, "--network", network, "--network-alias", "cm")
    first = docker.run(*new)
    node = docker.run("execute", "-e", "MASTER=cm", "--network", network).wait_until_healthy()
    first.command("rm", "--force", first.name)
    docker.run(*new).wait_until_healthy()
    node.restart()
    node.wait_for_log("no longer accepts this node's token")
    node.wait_until_healthy()
