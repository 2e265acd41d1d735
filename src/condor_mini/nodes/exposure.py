"""Pools over several hosts: how a pool is reached from other hosts, and how nodes join one.

One port of the first host is open to other hosts: the central manager's. HTCondor's connection
broker there (CCB, HTCondor's manual, "Networking") lets nodes that accept no connections from other
hosts take part: they connect out, to the broker and then to whoever asked for them. Nodes with the
same ``PRIVATE_NETWORK_NAME`` connect to each other directly. Two nodes that both need the broker
are connected through it since HTCondor 25; with 23, each access point has an open port too.

In containers nodes have addresses that no other host reaches. On the embedded engine they listen at
the host's own address, because from 127.0.0.0/8 no other host can be reached.
"""

from __future__ import annotations

import platform
import socket
from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.base.layout import CONFIG_DIRECTORY
from condor_mini.engine import PublishedPort
from condor_mini.nodes.forwarding import free_ports
from condor_mini.nodes.node import Role
from condor_mini.spec import (
    EMBEDDED,
    SERIES_THAT_BROKERS_TWO,
    JoinedSpec,
    short_name,
)

if TYPE_CHECKING:
    from condor_mini.engine import EngineInfo
    from condor_mini.spec import Endpoint, Joined, PoolSpec

CONFIG = f"{CONFIG_DIRECTORY.lstrip('/')}/45-exposure"
ADDRESS_VARIABLE = "NODE_ADDRESS"
"""The variable with the address of the host at which the node listens (``own-address``)."""
EVERYWHERE = "0.0.0.0"  # noqa: S104 (what `--expose` asks for)
REFLECTION_TIMEOUT_S = 3.0
_NAME_IT = "Name the pool's first host as other hosts reach it: by an IPv4 address or a name"
_KINDS = ("MASTER", "COLLECTOR", "NEGOTIATOR", "SCHEDD", "STARTD")


def settled(spec: PoolSpec, info: EngineInfo) -> PoolSpec:
    """Return the spec with the address at which the nodes of a pool over several hosts listen.

    Args:
        spec: Spec of a pool that does not exist yet.
        info: What the engine says of itself.

    Raises:
        EngineCapabilityError: The name of the host has no address, or there is no route to it.
        AlreadyInUse: No ports are free.
    """
    if isinstance(spec, JoinedSpec):
        return _settled_joined(spec, info)
    if spec.expose is None:
        return spec
    expose = _looked_up(spec.expose, info)
    if EMBEDDED in spec.hosts:
        expose = expose.model_copy(update={"embedded_address": own_address(expose)})
    return spec.model_copy(update={"expose": expose, "reachable": False})


def _settled_joined(spec: JoinedSpec, info: EngineInfo) -> PoolSpec:
    manager = _looked_up(spec.joined.central_manager, info)
    count = spec.access_point_count + spec.execution_point_count
    own = manager.own_address
    port = free_ports(spec.name, count, at=own) if own else 0
    joined = spec.joined.model_copy(update={"central_manager": manager, "first_port": port})
    return spec.model_copy(update={"joined": joined})


def _looked_up(where: Endpoint, info: EngineInfo) -> Endpoint:
    """Return an endpoint with the address of its name, and with that at which nodes listen."""
    try:
        address = socket.gethostbyname(where.host)
    except OSError as error:
        raise EngineCapabilityError(
            f"{where.host} has no IPv4 address here: {error.strerror}", hint=_NAME_IT
        ) from None
    found = where.model_copy(update={"address": address})
    own = own_address(found) if info.on_loopback else ""
    return found.model_copy(update={"own_address": own})


def own_address(toward: Endpoint) -> str:
    """Return the address of this host from which packets to an endpoint leave; nothing is sent.

    If the endpoint is this host, that is the endpoint's own address.

    Raises:
        EngineCapabilityError: There is no route to it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((toward.ip, toward.port))
        except OSError as error:
            raise EngineCapabilityError(
                f"this host has no way to {toward}: {error.strerror}", hint=_NAME_IT
            ) from None
        address: str = probe.getsockname()[0]
    return address


def is_reflected(expose: Endpoint) -> bool:
    """Return whether this host reaches itself where other hosts reach it.

    The pool's nodes use the connection broker at that address, which HTCondor puts into the ads of
    nodes (``CCBServer::InitAndReconfig`` strips the private address from it).
    """
    try:
        socket.create_connection((expose.ip, expose.port), REFLECTION_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def host_name() -> str:
    """Return what this host is called in the ads of its nodes."""
    return platform.node().partition(".")[0] or "unknown"


def published(spec: PoolSpec, role: Role, number: int) -> tuple[PublishedPort, ...]:
    """Return the ports of this host by which other hosts reach a node in a container."""
    if spec.expose is None or spec.expose.own_address:
        return ()
    port = _open_port(spec, spec.expose, role, number)
    return (PublishedPort(container_port=port, host_port=port, host_ip=EVERYWHERE),) if port else ()


def _open_port(spec: PoolSpec, expose: Endpoint, role: Role, number: int) -> int | None:
    """Return the port at which other hosts reach a node; None if they need the broker for it."""
    has_one = role is Role.CENTRAL_MANAGER or (
        role is Role.ACCESS_POINT and int(spec.htcondor) < SERIES_THAT_BROKERS_TWO
    )
    return expose.port + number if has_one else None


def listens_at(spec: PoolSpec, host: str = "") -> str:
    """Return the address of the host at which nodes listen; empty for their own addresses.

    Args:
        spec: Spec of the pool.
        host: The nodes' host; empty for the pool's own.
    """
    if host:
        return spec.expose.embedded_address if spec.expose and host == EMBEDDED else ""
    where = spec.joins.central_manager if spec.joins else spec.expose
    return where.own_address if where else ""


def config(spec: PoolSpec, role: Role, number: int, host: str = "") -> dict[str, str]:
    """Return the file with a node's settings, by its path; none if the pool is of one host.

    Args:
        spec: Spec of the pool.
        role: Role of the node.
        number: Number of the node within its role.
        host: The node's host; empty for the pool's own.
    """
    if spec.joins:
        lines = [*_host(spec.joins.host), *_joined(spec, spec.joins, role, number)]
    elif spec.expose and host:
        lines = [*_host(host_called(host)), *_elsewhere(spec, spec.expose, host)]
    elif spec.expose:
        lines = [*_host(host_name()), *_exposed(spec, spec.expose, role, number)]
    else:
        return {}
    return {CONFIG: "".join(f"{line}\n" for line in lines)}


def host_called(host: str) -> str:
    """Return what a host of the pool file is called in the ads of its nodes."""
    return host_name() if host in ("", EMBEDDED) else short_name(host)


def _host(name: str) -> list[str]:
    return [
        "# The name of the node's host, in all its ads.",
        f'CondorMiniHost = "{name}"',
        *(f"SYSTEM_{kind}_ATTRS = $(SYSTEM_{kind}_ATTRS) CondorMiniHost" for kind in _KINDS),
        "# A node returns so soon to a connection broker that was restarted (default: 60 s).",
        "CCB_RECONNECT_TIME = 2",
    ]


def _private(spec: PoolSpec, host: str = "") -> list[str]:
    return [
        "# These nodes connect to each other directly.",
        f"PRIVATE_NETWORK_NAME = {f'{spec.name}.{host}' if host else spec.name}",
        "PRIVATE_NETWORK_INTERFACE = $(IP_ADDRESS)",
    ]


def _exposed(spec: PoolSpec, expose: Endpoint, role: Role, number: int) -> list[str]:
    lines = [*_private(spec), f"COLLECTOR_HOST = $(CONDOR_HOST):{expose.port}"]
    if expose.own_address and role is not Role.CENTRAL_MANAGER:
        lines.append(f"CONDOR_HOST = {expose.own_address}")
    if port := _open_port(spec, expose, role, number):
        lines += ["# The port that other hosts connect to.", f"SHARED_PORT_PORT = {port}"]
        if expose.ip != expose.own_address:
            lines += ["# What they know this host by.", f"TCP_FORWARDING_HOST = {expose.ip}"]
        return lines
    if expose.own_address:
        lines += [
            "# All nodes have the host's own address, so each has another port.",
            "SHARED_PORT_PORT = 0",
        ]
    return [*lines, *_brokered()]


def _elsewhere(spec: PoolSpec, expose: Endpoint, host: str) -> list[str]:
    lines = [
        *_private(spec, host_called(host) if host != EMBEDDED else host),
        f"CONDOR_HOST = {expose.ip}",
        f"COLLECTOR_HOST = {expose.ip}:{expose.port}",
    ]
    if listens_at(spec, host):
        lines += [
            "# All nodes have the host's own address, so each has another port.",
            "SHARED_PORT_PORT = 0",
        ]
    return [*lines, *_brokered()]


def _joined(spec: PoolSpec, joined: Joined, role: Role, number: int) -> list[str]:
    manager = joined.central_manager
    collector = ["JOINED = True", f"COLLECTOR_HOST = {manager.ip}:{manager.port}"]
    if not listens_at(spec):
        return [*_private(spec), *collector, *_brokered()]
    if not joined.first_port:
        return collector  # what starts the node chooses its port
    place = number - 1 + (0 if role is Role.ACCESS_POINT else spec.access_point_count)
    return [
        *collector,
        "# All nodes have the host's own address, so each has another port. The script find-route",
        "# finds out whether the pool's nodes reach it.",
        f"SHARED_PORT_PORT = {joined.first_port + place}",
    ]


def _brokered() -> list[str]:
    return [
        "# Other hosts do not reach this node. The central manager passes on who wants to.",
        "CCB_ADDRESS = $(COLLECTOR_HOST)",
    ]
