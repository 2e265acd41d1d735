"""The embedded engine's networks: addresses, and a table of names."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed
from condor_mini.engine.embedded.networks import Networks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def there() -> set[str]:
    """The ids of the containers that there are."""
    return set()


@pytest.fixture
def networks(tmp_path: Path, there: set[str]) -> Networks:
    """One network, ``net``."""
    networks = Networks(tmp_path / "networks", there.__contains__)
    networks.create("net", {}, None)
    return networks


def test_networks_do_not_meet(tmp_path: Path) -> None:
    """No two networks share an address, and none has one that others take for the host's."""
    networks = Networks(tmp_path, lambda _: True)
    made = [networks.create(f"net-{number}", {}, None) for number in range(20)]
    subnets = [IPv4Network(record.facts["subnet"]) for record in made]
    usual = IPv4Network("127.0.0.0/16")
    assert not any(
        one.overlaps(other) for one in subnets for other in [usual, *subnets] if one is not other
    )
    assert all(subnet.subnet_of(IPv4Network("127.0.0.0/8")) for subnet in subnets)


def test_addresses_are_given_once(networks: Networks, there: set[str]) -> None:
    """Each container has its own address, which is free again when it has left."""
    there |= {"a", "b", "c"}
    first, second = (networks.join("net", owner, (owner,), None) for owner in "ab")
    networks.leave("net", "a")
    assert (first != second, networks.join("net", "c", ("c",), None)) == (True, first)


def test_address_of_one_who_died_is_free(networks: Networks, there: set[str]) -> None:
    """Who has not become a container has no address."""
    first = networks.join("net", "dead", ("dead",), None)
    there.add("b")
    assert networks.join("net", "b", ("b",), None) == first


def test_table_of_names_follows(networks: Networks, there: set[str]) -> None:
    """The network's containers see the names of those that are on it."""
    there.add("a")
    address = networks.join("net", "a", ("node.pool", "node", "node"), None)
    hosts = networks.get("net").path / "etc/hosts"
    assert hosts.read_text() == f"127.0.0.1 localhost\n{address} node.pool node\n"
    networks.leave("net", "a")
    assert hosts.read_text() == "127.0.0.1 localhost\n"


def test_fixed_address_needs_a_fixed_subnet(networks: Networks, there: set[str]) -> None:
    """An address is asked for where the network was given its subnet, and in that only."""
    there |= {"a", "b"}
    networks.create("fixed", {}, "127.9.9.0/24")
    assert networks.join("fixed", "a", ("a",), "127.9.9.9") == "127.9.9.9"
    inside = IPv4Network(networks.get("net").facts["subnet"])[9]
    for network, ip in (("fixed", "127.9.9.9"), ("fixed", "127.9.8.9"), ("net", str(inside))):
        with pytest.raises(CommandFailed, match=str(IPv4Address(ip))):
            networks.join(network, "b", ("b",), ip)
