"""Ports of the host's loopback interface, at which clients on the host reach a pool.

With some engines the nodes have no address of their own on the host: Docker Desktop, rootless
engines. There a pool publishes a port for the central manager and one for each access point; a
personal pool publishes one. HTCondor gives clients outside of the pool's network these ports in
place of the nodes' addresses (TCP_FORWARDING_HOST). A port has the same number inside and outside,
as HTCondor requires.
"""

from __future__ import annotations

import socket
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse
from condor_mini.base.layout import CONFIG_DIRECTORY, LABEL
from condor_mini.nodes.node import Role, pool_labels

if TYPE_CHECKING:
    from collections.abc import Collection

    from condor_mini.engine import Engine, EngineInfo
    from condor_mini.spec import PoolSpec

CONFIG = f"{CONFIG_DIRECTORY.lstrip('/')}/45-forwarding"
PORT = f"{LABEL}.port"
"""Label with the port that a node publishes; empty if it publishes none."""
HOST = "127.0.0.1"
FIRST, LAST = 20_000, 29_999
"""The ports to choose from: below those that systems give to outgoing connections."""


def settled(spec: PoolSpec, engine: Engine, info: EngineInfo) -> PoolSpec:
    """Return the spec with the first port of a pool that is to publish some, else with False.

    Args:
        spec: Spec of a pool that does not exist yet.
        engine: Engine that is to have the pool.
        info: What the engine says of itself.

    Raises:
        AlreadyInUse: No ports are free.
    """
    count = 1 + spec.access_point_count
    port = first_port(spec.reachable, engine, info, name=spec.name, count=count)
    return spec.model_copy(update={"reachable": port or False})


def first_port(
    wanted: bool | int | None, engine: Engine, info: EngineInfo, *, name: str, count: int = 1
) -> int | None:
    """Return the first of the ports that a pool is to publish; None if it is to publish none.

    Args:
        wanted: Whether to publish ports, or the first of them. None to do so where this machine
            has no route to containers.
        engine: Engine that is to have the pool.
        info: What the engine says of itself.
        name: The pool's name. The ports are mostly the same for a name.
        count: Number of ports.

    Raises:
        AlreadyInUse: No ports are free.
    """
    if wanted is None:
        wanted = not info.has_routes and info.same_host
    if info.on_loopback or wanted is False:
        return None
    if wanted is not True:
        return wanted
    return free_ports(name, count, taken=_published(engine))


def port_of(spec: PoolSpec, role: Role, number: int) -> int | None:
    """Return the port that a node publishes; None if it publishes none."""
    if spec.reachable is None or isinstance(spec.reachable, bool):
        return None
    return None if role is Role.EXECUTION_POINT else spec.reachable + number


def config(spec: PoolSpec, role: Role, number: int) -> dict[str, str]:
    """Return the file with a node's settings, by its path; none if the pool publishes no ports."""
    first = port_of(spec, Role.CENTRAL_MANAGER, 0)
    if first is None:
        return {}
    port = port_of(spec, role, number)
    return _file(_private(spec.name, first) + (_forwarded(port) if port else []))


def personal_config(name: str, port: int | None) -> dict[str, str]:
    """Return the file with the settings of a personal pool that clients on the host reach.

    Without it, a personal pool listens only inside its container.

    Args:
        name: The pool's name.
        port: The port that it publishes. None if clients use the container's own address.
    """
    lines = [
        "# Clients on the host reach the pool.",
        "NETWORK_INTERFACE = *",
        "BIND_ALL_INTERFACES = True",
        "CONDOR_HOST = $(IP_ADDRESS)",
    ]
    return _file(lines + (_private(name, port) + _forwarded(port) if port else []))


def _private(name: str, collector_port: int) -> list[str]:
    return [
        "# Nodes use their own addresses, and clients on the host the published ports.",
        f"PRIVATE_NETWORK_NAME = {name}",
        "PRIVATE_NETWORK_INTERFACE = $(IP_ADDRESS)",
        f"COLLECTOR_HOST = $(CONDOR_HOST):{collector_port}",
    ]


def _forwarded(port: int) -> list[str]:
    return [
        "# The port is published with the same number.",
        f"SHARED_PORT_PORT = {port}",
        f"TCP_FORWARDING_HOST = {HOST}",
    ]


def _file(lines: list[str]) -> dict[str, str]:
    return {CONFIG: "".join(f"{line}\n" for line in lines)}


def free_ports(
    name: str, count: int, *, at: str = HOST, taken: Collection[int] = frozenset()
) -> int:
    """Return the first of so many free ports in a row, mostly the same for a name.

    Args:
        name: The pool's name.
        count: Number of ports.
        at: Address of this machine at which they are to be free.
        taken: Ports that count as taken, whoever listens there.

    Raises:
        AlreadyInUse: No ports are free.
    """
    places = (LAST - FIRST + 1) // count
    start = zlib.crc32(name.encode()) % places
    for place in range(places):
        first = FIRST + (start + place) % places * count
        ports = range(first, first + count)
        if not any(port in taken for port in ports) and all(is_free(at, port) for port in ports):
            return first
    raise AlreadyInUse(
        f"of the ports {FIRST} to {LAST} no {count} in a row are free",
        hint="Choose them: `reachable: PORT` in the pool file. Or do without: --not-reachable",
    )


def _published(engine: Engine) -> set[int]:
    """Return the ports of all pools, also of those that are stopped."""
    found = set()
    for info in engine.containers(pool_labels()):
        with suppress(ValueError):
            found.add(int(info.labels.get(PORT, "")))
    return found


def is_free(address: str, port: int) -> bool:
    """Return whether this user can listen at a port of an address of this machine."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
