"""The contract of every engine: ports of the host behind which a container listens."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import AlreadyInUse, EngineCapabilityError
from condor_mini.base.waiting import wait_until
from condor_mini.engine import ContainerState, PublishedPort

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from condor_mini.engine import ContainerInfo, ContainerSpec, Engine

    MakeContainer = Callable[[ContainerSpec], str]

pytestmark = pytest.mark.slow_on("podman")  # the same code as on Docker

has_own_network = pytest.mark.needs_no("on_loopback")


def looked_up(engine: Engine, container: str) -> ContainerInfo:
    """A container that must be there."""
    info = engine.inspect(container)
    assert info is not None
    return info


def ports(engine: Engine, container: str) -> Mapping[int, str]:
    """Where a container's ports are reached."""
    return looked_up(engine, container).ports


@pytest.fixture
def publishing(spec: ContainerSpec, free_port: int) -> ContainerSpec:
    """A container that publishes a port."""
    return replace(spec, ports=(PublishedPort(container_port=8080, host_port=free_port),))


@pytest.fixture
def second(publishing: ContainerSpec) -> ContainerSpec:
    """Another container that publishes the same port."""
    return replace(publishing, name=f"{publishing.name}-2")


@has_own_network
def test_published_port_is_told(
    engine: Engine, run: MakeContainer, publishing: ContainerSpec, free_port: int
) -> None:
    """A running container tells where its port is reached."""
    assert ports(engine, run(publishing)) == {8080: f"127.0.0.1:{free_port}"}


def test_no_port_is_told_where_none_is_published(engine: Engine, box: str) -> None:
    """A container that publishes nothing is reached nowhere."""
    assert ports(engine, box) == {}


@has_own_network
def test_port_is_not_told_before_the_start(
    engine: Engine, create: MakeContainer, publishing: ContainerSpec
) -> None:
    """A container that does not run yet is reached nowhere."""
    assert ports(engine, create(publishing)) == {}


@has_own_network
def test_port_is_not_told_after_the_end(
    engine: Engine, run: MakeContainer, publishing: ContainerSpec
) -> None:
    """A container that has ended is reached nowhere."""
    engine.stop(run(publishing), timeout_s=0)
    assert ports(engine, publishing.name) == {}


@has_own_network
def test_port_that_is_left_open_is_free(
    engine: Engine, run: MakeContainer, spec: ContainerSpec
) -> None:
    """Where no number is asked for, each container gets one that nobody else has."""
    anywhere = (PublishedPort(container_port=8080), PublishedPort(container_port=8081))
    names = [run(replace(spec, name=f"{spec.name}-{i}", ports=anywhere)) for i in range(2)]
    told = [ports(engine, name)[port] for name in names for port in (8080, 8081)]
    assert (len(set(told)), {where.rpartition(":")[0] for where in told}) == (4, {"127.0.0.1"})


@pytest.mark.needs("on_loopback")
def test_port_on_the_loopback_is_the_containers_own(
    engine: Engine, create: MakeContainer, spec: ContainerSpec
) -> None:
    """Where containers are on the host's loopback, a port is told at each one's own address."""
    anywhere = (PublishedPort(container_port=8080), PublishedPort(container_port=8081))
    names = [create(replace(spec, name=f"{spec.name}-{i}", ports=anywhere)) for i in range(2)]
    before = [ports(engine, name) for name in names]
    for name in names:
        engine.start(name)
    (own,) = looked_up(engine, names[0]).addresses.values()
    told = [ports(engine, name) for name in names]
    engine.stop(*names, timeout_s=0)
    after = [ports(engine, name) for name in names]
    assert (before, told[0], told[0] != told[1], after) == (
        *([{}, {}], {8080: f"{own}:8080", 8081: f"{own}:8081"}, True, [{}, {}]),
    )


@pytest.mark.needs("on_loopback")
def test_port_of_the_hosts_is_refused(engine: Engine, publishing: ContainerSpec) -> None:
    """Where containers are on the host's loopback, no number of the host's is given to one."""
    with pytest.raises(EngineCapabilityError, match=publishing.name):
        engine.create(publishing)
    assert engine.inspect(publishing.name) is None


@pytest.mark.engines("docker", "podman")
def test_published_port_leads_to_the_container(
    run: MakeContainer, publishing: ContainerSpec, free_port: int
) -> None:
    """Who connects to the host's port speaks with the container."""
    listening = "while true; do echo hello | nc -l -p 8080; done"
    run(replace(publishing, command=("sh", "-c", listening)))

    def probe() -> str | None:
        try:
            with socket.create_connection(("127.0.0.1", free_port), timeout=5) as connection:
                said = connection.recv(100)
        except ConnectionError as error:  # the container does not listen yet
            return str(error)
        return None if said == b"hello\n" else f"it said {said!r}"

    wait_until(probe, timeout_s=10)


@has_own_network
def test_port_of_another_container_is_already_in_use(
    engine: Engine,
    run: MakeContainer,
    create: MakeContainer,
    publishing: ContainerSpec,
    second: ContainerSpec,
    free_port: int,
) -> None:
    """Of two containers that publish a port one starts, and the other's error names the port."""
    run(publishing)
    create(second)
    with pytest.raises(AlreadyInUse, match=f"Host port 127.0.0.1:{free_port} is"):
        engine.start(second.name)


@has_own_network
def test_port_of_another_process_is_already_in_use(
    engine: Engine, create: MakeContainer, spec: ContainerSpec, port_of_another_process: int
) -> None:
    """A port that some process of the host has is not given to a container."""
    port = PublishedPort(container_port=8080, host_port=port_of_another_process)
    create(replace(spec, ports=(port,)))
    with pytest.raises(AlreadyInUse, match=f"Host port 127.0.0.1:{port_of_another_process} is"):
        engine.start(spec.name)


@has_own_network
def test_container_without_its_port_was_not_started(
    engine: Engine,
    run: MakeContainer,
    create: MakeContainer,
    publishing: ContainerSpec,
    second: ContainerSpec,
) -> None:
    """A container that did not get its port is as it was before."""
    run(publishing)
    create(second)
    with pytest.raises(AlreadyInUse):
        engine.start(second.name)
    info = looked_up(engine, second.name)
    assert (info.state, info.started_at, info.ports) == (ContainerState.CREATED, None, {})


@has_own_network
@pytest.mark.parametrize("how", ["stop", "remove"])
def test_port_is_free_after_the_end(
    engine: Engine,
    run: MakeContainer,
    create: MakeContainer,
    publishing: ContainerSpec,
    second: ContainerSpec,
    how: str,
) -> None:
    """Once the other container has ended, the one that did not get its port starts."""
    run(publishing)
    create(second)
    with pytest.raises(AlreadyInUse):
        engine.start(second.name)
    if how == "stop":
        engine.stop(publishing.name, timeout_s=0)
    else:
        engine.remove(publishing.name)
    engine.start(second.name)
    assert looked_up(engine, second.name).state is ContainerState.RUNNING
