"""Networks: addresses of the host's loopback interface, and a table of names.

Each network has 1022 addresses. All of 127.0.0.0/8 belongs to the host (RFC 1122, 3.2.1.3): there
is nothing to set up, and no other host can reach it.
"""

from __future__ import annotations

import json
import random
import sys
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse, CommandFailed, EngineCapabilityError
from condor_mini.engine.embedded.records import RECORD, Record, Store, rewrite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFAULT = "default"
"""The network of containers that name none."""
HOSTS = "etc"
"""The subdirectory of a network that its containers see; it contains ``hosts``."""
FIRST_HOST = 2
_FIRST = IPv4Address("127.0.0.0")
_PREFIX = 22
_SIZE = 2 ** (32 - _PREFIX)
_NUMBERS = range(2**16 // _SIZE, 255 * 2**16 // _SIZE)
"""From 127.1.0.0 to 127.254.255.255: other programs take 127.0.0.0/16 for theirs."""


class Networks(Store):
    """All networks."""

    def __init__(self, directory: Path, exists: Callable[[str], bool]) -> None:
        """Nothing is made yet; ``exists`` returns whether a container with that id exists."""
        super().__init__(directory, "network")
        self._container_exists = exists

    def create(self, name: str, labels: Mapping[str, str], subnet: str | None) -> Record:
        """Create a network; raises ``AlreadyInUse`` for a taken name."""
        with self.locked():
            chosen = _checked(subnet) if subnet else self._free_subnet()
            facts = {"labels": dict(labels), "subnet": str(chosen), "fixed": bool(subnet)}

            def fill(place: Path, _: str) -> None:
                (place / HOSTS).mkdir()
                _write_hosts(place, {})

            return self.add(name, {**facts, "addresses": {}}, fill)

    def default(self) -> Record:
        """Return the network of containers that name none; it is created when first wanted."""
        with suppress(AlreadyInUse):
            if self.find(DEFAULT) is None:
                self.create(DEFAULT, {}, None)
        return self.get(DEFAULT)

    def join(self, network: str, owner: str, names: tuple[str, ...], ip: str | None) -> str:
        """Give a container an address.

        Args:
            network: The network's name.
            owner: The container's id.
            names: The names that others find it by, its own first.
            ip: A fixed address; None for any.
        """
        with self.locked():
            record = self.get(network)
            self._release_absent(record)
            addresses: dict[str, list[str]] = record.facts["addresses"]
            taken = set(addresses)
            subnet = IPv4Network(record.facts["subnet"])
            if ip is not None and not (record.facts["fixed"] and _is_in(ip, subnet, taken)):
                raise CommandFailed(("join", network, ip), 1, f"{ip} cannot be had in {network}")
            address = ip or _free_address(subnet, taken)
            addresses[address] = [owner, *dict.fromkeys(names)]
            self._save(record)
        return address

    def sweep_addresses(self, network: str) -> None:
        """Release the addresses of containers that were never completed."""
        with self.locked():
            if (record := self.find(network)) is not None:
                self._release_absent(record)
                self._save(record)

    def leave(self, network: str, owner: str) -> None:
        """Release a container's addresses."""
        with self.locked():
            if (record := self.find(network)) is not None:
                self._release(record, {owner})
                self._save(record)

    def delete(self, name: str) -> None:
        """Remove a network; an absent one is a success, one with containers fails."""
        with self.locked():
            if (record := self.find(name)) is None:
                return
            self._release_absent(record)
            if record.facts["addresses"]:
                users = ", ".join(entry[1] for entry in record.facts["addresses"].values())
                raise CommandFailed(("network", "rm", name), 1, f"it has containers: {users}")
            self.remove(record)

    def _release_absent(self, record: Record) -> None:
        """Release the addresses of containers that do not exist."""
        owners = {entry[0] for entry in record.facts["addresses"].values()}
        self._release(record, {owner for owner in owners if not self._container_exists(owner)})

    def _release(self, record: Record, owners: set[str]) -> None:
        addresses = record.facts["addresses"].items()
        record.facts["addresses"] = {ip: entry for ip, entry in addresses if entry[0] not in owners}

    def _save(self, record: Record) -> None:
        rewrite(record.path / RECORD, json.dumps(record.facts))
        _write_hosts(record.path, record.facts["addresses"])

    def _free_subnet(self) -> IPv4Network:
        taken = _used_subnets()
        for record in self.all():
            subnet = IPv4Network(record.facts["subnet"])  # one that was asked for has any size
            taken.update(range(_number(subnet[0]), _number(subnet[-1]) + 1))
        free = sorted(set(_NUMBERS) - taken)
        if not free:
            raise EngineCapabilityError(
                "all of 127.1.0.0 to 127.254.255.255 is in use",
                hint="Delete pools that you need no more: condor-mini list",
            )
        # A random one rarely meets late packets for an old one, or another user's pool.
        chosen = random.choice(free)  # noqa: S311
        return IPv4Network((int(_FIRST) + chosen * _SIZE, _PREFIX))


def _checked(subnet: str) -> IPv4Network:
    try:
        network = IPv4Network(subnet)
    except ValueError as error:
        raise CommandFailed(("network", subnet), 1, str(error)) from None
    if not network.subnet_of(IPv4Network("127.0.0.0/8")):
        raise EngineCapabilityError(
            f"the embedded engine has no network {subnet}: its containers are in 127.0.0.0/8",
            hint="Leave the subnet out, or take one of 127.0.0.0/8.",
        )
    return network


def _is_in(ip: str, subnet: IPv4Network, taken: set[str]) -> bool:
    try:
        return IPv4Address(ip) in subnet and ip not in taken
    except ValueError:
        return False


def _free_address(subnet: IPv4Network, taken: set[str]) -> str:
    base = int(subnet.network_address)
    for number in range(FIRST_HOST, subnet.num_addresses - 1):
        address = str(IPv4Address(base + number))
        if address not in taken:
            return address
    raise EngineCapabilityError(f"all addresses of {subnet} are in use")


def _number(address: IPv4Address) -> int:
    """Return the number of the network that an address is in."""
    number: int = (int(address) - int(_FIRST)) // _SIZE
    return number


def _used_subnets() -> set[int]:
    """Return the networks in which a process of any user has a socket."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/udp"):
        for line in Path(table).read_text("utf-8").splitlines()[1:]:
            # In the byte order of the machine.
            address = int(line.split()[1].partition(":")[0], 16).to_bytes(4, sys.byteorder)
            found.add(_number(IPv4Address(address)))
    return found & set(_NUMBERS)


def _write_hosts(place: Path, addresses: Mapping[str, list[str]]) -> None:
    lines = ["127.0.0.1 localhost"]
    lines += [f"{ip} {' '.join(names)}" for ip, (_, *names) in addresses.items()]
    rewrite(place / HOSTS / "hosts", "".join(f"{line}\n" for line in lines))
