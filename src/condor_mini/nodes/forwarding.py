"""Ports of the host's loopback interface, at which clients on the host reach a pool.

With some engines the nodes have no address of their own on the host: Docker Desktop, rootless
engines. There a pool publishes a port for the central manager and one for each access point, and
HTCondor gives clients outside of the pool's network these ports in place of the nodes' addresses
(TCP_FORWARDING_HOST). A port has the same number inside and outside, as HTCondor requires.
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
    wanted = spec.reachable
    if wanted is None:
        wanted = not info.has_routes and info.same_host
    if info.on_loopback or wanted is False:
        return spec.model_copy(update={"reachable": False})
    if wanted is True:
        wanted = _first_port(spec, engine)
    return spec.model_copy(update={"reachable": wanted})


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
    lines = [
        "# Nodes use their own addresses, and clients on the host the published ports.",
        f"PRIVATE_NETWORK_NAME = {spec.name}",
        "PRIVATE_NETWORK_INTERFACE = $(IP_ADDRESS)",
        f"COLLECTOR_HOST = $(CONDOR_HOST):{first}",
    ]
    if port := port_of(spec, role, number):
        lines += [
            "# The port is published with the same number.",
            f"SHARED_PORT_PORT = {port}",
            f"TCP_FORWARDING_HOST = {HOST}",
        ]
    return {CONFIG: "".join(f"{line}\n" for line in lines)}


def _first_port(spec: PoolSpec, engine: Engine) -> int:
    """Return the first of as many free ports as the pool needs, mostly the same for a name."""
    count = 1 + spec.access_point_count
    taken = _published(engine)
    places = (LAST - FIRST + 1) // count
    start = zlib.crc32(spec.name.encode()) % places
    for place in range(places):
        first = FIRST + (start + place) % places * count
        ports = range(first, first + count)
        if taken.isdisjoint(ports) and all(map(_is_free, ports)):
            return first
    raise AlreadyInUse(
        f"of the ports {FIRST} to {LAST} no {count} in a row are free",
        hint="Choose them: `reachable: PORT` in the pool file",
    )


def _published(engine: Engine) -> set[int]:
    """Return the ports of all pools, also of those that are stopped."""
    found = set()
    for info in engine.containers(pool_labels()):
        with suppress(ValueError):
            found.add(int(info.labels.get(PORT, "")))
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
