"""The contract of every engine: networks, and containers on them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import AlreadyInUse, CommandFailed, EngineCapabilityError, NotFound
from condor_mini.base.progress import Progress
from condor_mini.engine import FakeEngine, ImageBuilder, NamespaceKeeper, require_namespaces
from condor_mini.images.debian import debian_base

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import ContainerSpec, Engine

ODD_VALUE = 'a "b", c=d {"e": 1}'


@pytest.fixture
def on_network(spec: ContainerSpec, network: str) -> ContainerSpec:
    """A container on the test's network."""
    return replace(spec, network=network)


def test_network_is_found_by_its_labels(
    engine: Engine, network: str, labels: dict[str, str]
) -> None:
    """A network is listed with its name and labels."""
    found = [(info.name, dict(info.labels)) for info in engine.networks(labels)]
    assert (network, labels) in found


def test_networks_bear_every_label(engine: Engine, name: str, labels: dict[str, str]) -> None:
    """Of the networks only those are listed that bear every one of the labels."""
    more = {**labels, "pool": name, "odd": ODD_VALUE}
    engine.create_network(f"{name}-more", labels=more)
    try:
        found = [
            [(info.name, dict(info.labels)) for info in engine.networks(asked)]
            for asked in ({"pool": name, "odd": ODD_VALUE}, {"pool": name, "odd": "x"})
        ]
    finally:
        engine.remove_network(f"{name}-more")
    assert found == [[(f"{name}-more", more)], []]


def test_networks_of_an_unknown_label_are_none(engine: Engine, name: str) -> None:
    """A label that nothing bears gives an empty list."""
    assert engine.networks({"pool": name}) == []


def test_networks_without_a_label_are_all(engine: Engine, network: str) -> None:
    """Who asks for no label gets them all."""
    assert network in {info.name for info in engine.networks({})}


def test_removed_network_is_gone(engine: Engine, network: str, labels: dict[str, str]) -> None:
    """A network that was removed is not listed."""
    engine.remove_network(network)
    assert network not in {info.name for info in engine.networks(labels)}


def test_network_is_removed_by_its_id(engine: Engine, network: str) -> None:
    """A network's id is as good as its name."""
    (network_id,) = (info.id for info in engine.networks({}) if info.name == network)
    engine.remove_network(network_id)
    assert network not in {info.name for info in engine.networks({})}


def test_taken_network_name_is_already_in_use(
    engine: Engine, network: str, labels: dict[str, str]
) -> None:
    """A network's name is given once."""
    with pytest.raises(AlreadyInUse):
        engine.create_network(network, labels=labels)


def test_race_for_a_network_has_at_most_one_winner(
    engine: Engine, name: str, labels: dict[str, str]
) -> None:
    """Of three that create the same network at once, no two succeed, whatever comes of it."""

    def attempt(_: int) -> bool:
        try:
            engine.create_network(f"{name}-race", labels=labels)
        except AlreadyInUse:
            return False
        return True

    try:
        with ThreadPoolExecutor(3) as pool:
            assert sum(pool.map(attempt, range(3))) <= 1
    finally:
        engine.remove_network(f"{name}-race")


def test_remove_network_leaves_longer_names(
    engine: Engine, network: str, labels: dict[str, str]
) -> None:
    """A network whose name begins with the removed one's stays."""
    engine.remove_network(network.removesuffix("-net"))
    with pytest.raises(AlreadyInUse):
        engine.create_network(network, labels=labels)


def test_remove_network_frees_its_name(
    engine: Engine, network: str, labels: dict[str, str]
) -> None:
    """A removed network's name can be given again."""
    engine.remove_network(network)
    engine.create_network(network, labels=labels)


def test_remove_network_that_is_absent_succeeds(engine: Engine, name: str) -> None:
    """A network that is not there is removed."""
    engine.remove_network(f"{name}-absent")


def test_remove_network_in_use_fails(
    engine: Engine, network: str, run: Callable[[ContainerSpec], str], on_network: ContainerSpec
) -> None:
    """A network stays while a container runs on it."""
    run(on_network)
    with pytest.raises(CommandFailed):
        engine.remove_network(network)


def test_container_has_an_address_on_its_network(
    engine: Engine, network: str, run: Callable[[ContainerSpec], str], on_network: ContainerSpec
) -> None:
    """A running container has an IPv4 address by its network's name."""
    info = engine.inspect(run(on_network))
    assert info is not None
    assert [(key, value.count(".")) for key, value in info.addresses.items()] == [(network, 3)]


def test_containers_find_each_other_by_name(
    engine: Engine, network: str, run: Callable[[ContainerSpec], str], on_network: ContainerSpec
) -> None:
    """On a network a container is reached by its name."""
    name = run(on_network)
    said = engine.exec(name, ["ping", "-c", "1", "-W", "5", name])
    info = engine.inspect(name)
    assert info is not None
    # The host may let nobody but root send what ping does: what is left to see is where to.
    refused = info.addresses[network] in said.stdout and "permission denied" in said.stderr
    assert said.returncode == 0 or (engine.info().on_loopback and refused)


def test_container_on_an_absent_network_does_not_run(
    run: Callable[[ContainerSpec], str], spec: ContainerSpec
) -> None:
    """A container whose network is not there fails at its start at the latest."""
    with pytest.raises((CommandFailed, NotFound)):
        run(replace(spec, network=f"{spec.name}-absent"))


def test_fixed_address_on_a_network_with_a_subnet(
    engine: Engine,
    name: str,
    labels: dict[str, str],
    run: Callable[[ContainerSpec], str],
    spec: ContainerSpec,
) -> None:
    """A container gets the address that it asks for, where the network was given its subnet."""
    network = f"{name}-fixed"
    first = 127 if engine.info().on_loopback else 10
    engine.create_network(network, labels=labels, subnet=f"{first}.213.47.0/24")
    try:
        fixed = replace(spec, network=network, ip=f"{first}.213.47.9")
        info = engine.inspect(run(fixed))
        assert info is not None
        assert info.addresses == {network: f"{first}.213.47.9"}
    finally:
        engine.remove(spec.name)
        engine.remove_network(network)


@pytest.mark.needs("on_loopback")
def test_other_subnet_than_the_loopbacks_is_refused(
    engine: Engine, name: str, labels: dict[str, str]
) -> None:
    """Where containers are on the loopback interface, so is every network."""
    with pytest.raises(EngineCapabilityError, match=r"10\.213\.47\.0/24"):
        engine.create_network(name, labels=labels, subnet="10.213.47.0/24")
    assert engine.networks({}) == [net for net in engine.networks({}) if net.name != name]


# -- commands in the namespaces of a container ----------------------------------------------------


@pytest.fixture
def keeper(engine: Engine) -> NamespaceKeeper:
    """The engine, if its containers have networks of their own."""
    if not isinstance(engine, NamespaceKeeper):
        pytest.skip("its containers share the namespaces of the host")
    return engine


def test_command_in_a_network_reads_its_input(
    keeper: NamespaceKeeper, run: Callable[[ContainerSpec], str], on_network: ContainerSpec
) -> None:
    """A command beside a container gets what it is to read, and its output comes back."""
    for container in (run(on_network), None):
        result = keeper.run_in_network(container, on_network.image, ["cat"], stdin="two\nlines\n")
        assert (result.returncode, result.stdout) == (0, "two\nlines\n")


def test_command_changes_the_network_of_its_container_only(
    keeper: NamespaceKeeper,
    run: Callable[[ContainerSpec], str],
    on_network: ContainerSpec,
    labels: dict[str, str],
) -> None:
    """What it sets is seen in the container, and nothing of the command is left."""
    if isinstance(keeper, FakeEngine):
        pytest.skip("its networks have no interfaces")
    container, image = run(on_network), on_network.image
    marks = {**labels, "of": container}

    def mtu() -> str:
        return keeper.exec(container, ["cat", "/sys/class/net/lo/mtu"]).stdout.strip()

    command = ["busybox", "ip", "link", "set", "lo", "mtu", "61234"]
    before = mtu()
    assert keeper.run_in_network(None, image, command, labels=marks).returncode == 0
    assert mtu() == before
    result = keeper.run_in_network(container, image, command, labels=marks)
    assert (result.returncode, mtu()) == (0, "61234"), result.stderr
    assert keeper.containers({"of": container}) == []


def test_command_mounts_in_its_container_only(
    keeper: NamespaceKeeper, run: Callable[[ContainerSpec], str], spec: ContainerSpec
) -> None:
    """What it mounts is seen in the container, whose own programs it uses."""
    if isinstance(keeper, FakeEngine):
        pytest.skip("its containers have no mounts")
    assert isinstance(keeper, ImageBuilder)
    container, image = run(spec), debian_base(keeper, Progress())
    command = ["busybox", "mount", "-t", "tmpfs", "of-a-test", "/mnt"]
    result = keeper.run_in_mounts(container, image, command)
    assert result.returncode == 0, result.stderr
    assert "of-a-test /mnt" in keeper.exec(container, ["cat", "/proc/mounts"]).stdout
    alone = keeper.run_in_mounts(None, image, ["sh", "-s"], stdin="mount -t tmpfs x /mnt; id -u")
    assert (alone.returncode, alone.stdout) == (0, "0\n"), alone.stderr


def test_command_that_fails_has_its_status(keeper: NamespaceKeeper, image: str) -> None:
    """A command's own failure is a result; one that there is not raises."""
    if not isinstance(keeper, FakeEngine):
        assert keeper.run_in_network(None, image, ["cat", "/absent"]).returncode == 1
    with pytest.raises(CommandFailed, match="no-such-command"):
        keeper.run_in_network(None, image, ["no-such-command"])


def test_shared_network_is_said(engine: Engine) -> None:
    """An engine whose containers share the host's network says what it cannot do."""
    if isinstance(engine, NamespaceKeeper):
        assert require_namespaces(engine, "cut off a") is engine
    else:
        with pytest.raises(EngineCapabilityError, match="cannot cut off a"):
            require_namespaces(engine, "cut off a")
