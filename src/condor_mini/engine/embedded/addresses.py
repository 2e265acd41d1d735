"""Networks: addresses of the host's own loopback interface, and a table of names.

Each network has 127.N.0.0/16 for itself. All of 127.0.0.0/8 is the host's (RFC 1122, 3.2.1.3), so
nothing has to be set up, and nobody outside the host can reach it.
"""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.engine.embedded.records import RECORD, Record, Shelf, rewrite
from condor_mini.errors import CommandFailed, EngineCapabilityError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT = "default"
"""The network of those that name none."""
HOSTS = "etc"
"""The directory in a network's that its containers see; it holds ``hosts``."""
FIRST_HOST = 2
_OWN = 127


class Networks(Shelf):
    """All networks."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "network")

    def create(self, name: str, labels: Mapping[str, str], subnet: str | None) -> Record:
        """Make one; raises ``AlreadyInUse`` for a taken name."""
        with self.locked():
            chosen = _checked(subnet) if subnet else self._free_subnet()
            facts = {"labels": dict(labels), "subnet": str(chosen), "fixed": bool(subnet)}

            def fill(place: Path) -> None:
                (place / HOSTS).mkdir()
                _write_hosts(place, {})

            return self.add(name, {**facts, "addresses": {}}, fill)

    def default(self) -> Record:
        """The network of those that name none, made when it is first wanted."""
        from contextlib import suppress

        from condor_mini.errors import AlreadyInUse

        with suppress(AlreadyInUse):
            if self.find(DEFAULT) is None:
                self.create(DEFAULT, {}, None)
        return self.get(DEFAULT)

    def join(self, network: str, names: tuple[str, ...], ip: str | None) -> str:
        """Give a container an address; the names that it is found by, its own first."""
        with self.locked():
            record = self.get(network)
            addresses: dict[str, list[str]] = record.facts["addresses"]
            taken = set(addresses)
            if ip is not None and (not record.facts["fixed"] or ip in taken):
                raise CommandFailed(("join", network, ip), 1, f"{ip} cannot be had in {network}")
            address = ip or _free_address(IPv4Network(record.facts["subnet"]), taken)
            addresses[address] = list(dict.fromkeys(names))
            self._save(record)
        return address

    def leave(self, network: str, address: str) -> None:
        """Give an address back."""
        with self.locked():
            record = self.find(network)
            if record is not None and record.facts["addresses"].pop(address, None) is not None:
                self._save(record)

    def _save(self, record: Record) -> None:
        import json

        rewrite(record.path / RECORD, json.dumps(record.facts))
        _write_hosts(record.path, record.facts["addresses"])

    def _free_subnet(self) -> IPv4Network:
        ours = {int(record.facts["subnet"].split(".")[1]) for record in self.all()}
        free = sorted(set(range(1, 255)) - ours - _listening())
        if not free:
            raise EngineCapabilityError(
                "all of 127.1.0.0 to 127.254.255.255 is in use",
                hint="Delete pools that you need no more: condor-mini list",
            )
        # Any of them, so that an old one's late packets and other users' pools are rarely met.
        return IPv4Network(f"{_OWN}.{random.choice(free)}.0.0/16")  # noqa: S311


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


def _free_address(subnet: IPv4Network, taken: set[str]) -> str:
    base = int(subnet.network_address)
    for number in range(FIRST_HOST, subnet.num_addresses - 1):
        address = str(IPv4Address(base + number))
        if address not in taken:
            return address
    raise EngineCapabilityError(f"all addresses of {subnet} are in use")


def _listening() -> set[int]:
    """The N of each 127.N.0.0 in which somebody has a socket, of whichever user."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/udp"):
        for line in Path(table).read_text("utf-8").splitlines()[1:]:
            address = bytes.fromhex(line.split()[1].partition(":")[0])[::-1]
            if address[0] == _OWN:
                found.add(address[1])
    return found


def _write_hosts(place: Path, addresses: Mapping[str, list[str]]) -> None:
    lines = ["127.0.0.1 localhost", *(f"{ip} {' '.join(names)}" for ip, names in addresses.items())]
    rewrite(place / HOSTS / "hosts", "".join(f"{line}\n" for line in lines))
