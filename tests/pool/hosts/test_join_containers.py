"""A pool over three hosts that have joined by hand, two of them with Docker, one without."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from docker_hosts import can_have_docker, docker_on

from .elsewhere import images
from .joining import joined_nodes, submitted, token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosts_for_tests import Host, Network

pytestmark = [pytest.mark.slow, pytest.mark.alone]


@pytest.fixture(scope="module")
def first(hosts: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host with Docker, and a central manager, an access point and an execution point in it."""
    if not can_have_docker():
        pytest.skip("it takes root and Docker's programs")
    host = hosts.host("alpha", address="10.99.0.1/16")
    with docker_on(host, tmp_path_factory.mktemp("alpha") / "docker") as docker:
        docker.load(images())
        docker.host.ran("create", "--expose", host.address, "-q")
        yield docker.host


@pytest.fixture(scope="module")
def second(hosts: Network, first: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host with Docker, and two execution points in it."""
    host = hosts.host("beta", address="10.99.0.2/16")
    with docker_on(host, tmp_path_factory.mktemp("beta") / "docker") as docker:
        docker.load(images())
        file = token(first, docker.host, "--uses", "2")
        argv = ("join", first.address, "--token-file", file, "--execute", "2", "-n", "beta")
        docker.host.ran(*argv)
        yield docker.host


@pytest.fixture(scope="module")
def third(hosts: Network, first: Host) -> Host:
    """A host without an engine, and an execution point."""
    host = hosts.host("gamma", address="10.99.0.3/16")
    host.ran("join", first.address, "--token-file", token(first, host), "-n", "gamma")
    return host


def test_jobs_run_on_every_host(first: Host, second: Host, third: Host) -> None:
    """Nodes in containers are reached through the broker; large files come back as they were."""
    found = joined_nodes(first)
    assert {second.name, third.name} == set(found.values()), found
    argv = ("exec", "--", "condor_status", "-startd", "-af", "CondorMiniNode", "MyAddress")
    lines = [line.split(maxsplit=1) for line in first.ran(*argv).splitlines()]
    brokered = {node for node, address in lines if "CCBID=" in address}
    assert brokered == {"mini-execute-1", "beta-execute-1", "beta-execute-2"}
    for node in ("mini-execute-1", "beta-execute-1", "beta-execute-2", "gamma-execute-1"):
        requirements = f'CondorMiniNode == "{node}"'
        assert submitted(first, "mini", f"on-{node}", requirements) == {node}


def test_joined_nodes_are_made_again(first: Host, second: Host) -> None:
    """On their state, with the token of their own."""
    second.ran("stop", "-n", "beta", "-q")
    held = second.run("docker", "ps", "-aq", "--filter", "name=beta-execute").out.split()
    assert len(held) == 2
    assert second.run("docker", "rm", *held).status == 0
    second.ran("start", "-n", "beta", "-q")
    assert json.loads(second.ran("status", "-n", "beta", "-o", "json"))["verdict"] == "usable"
    assert submitted(first, "mini", "again", 'regexp("^beta", CondorMiniNode)')


def test_nodes_in_containers_leave(first: Host, second: Host) -> None:
    """Nothing is left of them, there and at the collector."""
    second.ran("leave", "--grace", "5", "-q")
    assert second.run("docker", "ps", "-aq").out == ""
    assert second.name not in joined_nodes(first).values()
