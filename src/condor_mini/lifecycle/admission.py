"""What is refused before an image is built, a runtime downloaded, or anything created."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse
from condor_mini.base.layout import LABEL
from condor_mini.base.words import counted
from condor_mini.engine import ImageBuilder
from condor_mini.engine.several import host_of, unreached
from condor_mini.engine.values import host_in_url
from condor_mini.nodes import accounts, exposure, forwarding, host_files, plan
from condor_mini.nodes.fit import fitted
from condor_mini.nodes.holdings import Holdings, ask_at_once
from condor_mini.nodes.node import is_node, pool_nodes
from condor_mini.nodes.placement import changed_by_host
from condor_mini.nodes.pool_hosts import delete_there
from condor_mini.nodes.preflight import check_able, check_read_only

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.engine import Engine, EngineInfo, PublishedPort
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import PoolSpec


def admitted(engine: Engine, spec: PoolSpec) -> tuple[PoolSpec, list[PlannedNode]]:
    """Return the spec of a pool that can be created, and its nodes, both adapted to the engine.

    Args:
        engine: Engine to create the pool on.
        spec: What to create.

    Raises:
        AlreadyInUse: A pool of that name exists, or something else has a name or a port that the
            pool needs.
        EngineCapabilityError: The engine cannot do what the spec asks for.
    """
    # Without the engine's description, because the embedded engine needs its runtime for that.
    planned = plan.planned_nodes(spec)
    check_hosts(engine)
    check_absent(engine, spec.name)
    ask_at_once(
        lambda: check_forgotten(engine, spec.name),
        lambda: check_network(engine, spec.name),
        lambda: check_names(engine, planned),
    )
    info = engine.info()
    spec = exposure.settled(spec, info)
    spec = accounts.settled(forwarding.settled(spec, engine, info), info)
    planned = plan.planned_nodes(spec)
    nodes = changed_by_host(
        engine, planned, lambda there, some: _able(there, there.info(), spec, some)
    )
    return spec, nodes


def _able(
    engine: Engine, info: EngineInfo, spec: PoolSpec, planned: Sequence[PlannedNode]
) -> list[PlannedNode]:
    """Return the nodes of one host, adapted to its engine; raise what it cannot do for them."""
    nodes = fitted(planned, info)
    check_able(info, nodes)
    check_read_only(info, spec, planned[0].host)
    if any(node.container.image == host_files.IMAGE for node in nodes):
        host_files.check(engine)
    if info.same_host:
        check_ports(nodes)
    return nodes


def check_hosts(engine: Engine) -> None:
    """Raise ``HostNotReached`` if a host's engine does not answer, or what it lacks."""
    for failure in unreached(engine).values():
        raise failure


def check_absent(engine: Engine, pool: str) -> None:
    """Raise ``AlreadyInUse`` if the engine has nodes of a pool of that name."""
    if nodes := pool_nodes(engine, pool):
        if len({node.host for node in nodes} - {""}) and all(node.host for node in nodes):
            raise _left_elsewhere(pool, nodes)
        state = "runs" if any(node.is_running for node in nodes) else "is stopped"
        raise AlreadyInUse(
            f"there is a pool {pool}; it has {counted(len(nodes), 'node')} and {state}",
            hint=f"Use it: condor-mini shell -n {pool}. Delete it: condor-mini delete -n {pool}. "
            "Create another: condor-mini create -n NAME",
        )


def _left_elsewhere(pool: str, nodes: Sequence[Node]) -> AlreadyInUse:
    hosts = sorted({node.host for node in nodes})
    return AlreadyInUse(
        f"there are nodes of a pool {pool} on the host {', '.join(hosts)}, whose central manager "
        "is not here",
        hint="If they are left of a pool that was deleted, delete them: "
        + " ".join(delete_there(host, pool) for host in hosts),
    )


def check_forgotten(engine: Engine, pool: str, *, only_if_lost: bool = True) -> None:
    """Raise ``AlreadyInUse`` if the pool's containers were removed but its state is kept.

    Args:
        engine: Engine to search.
        pool: Name of the pool; it has no containers.
        only_if_lost: Do not raise if the pool has a network, because another process may be about
            to create its containers.

    Raises:
        AlreadyInUse: The engine has volumes of that pool.
    """
    held = Holdings(engine, pool)
    if not held.volumes:
        return
    has_network = bool(held.networks)
    if has_network and only_if_lost:
        return
    start = f"Recreate it: condor-mini start -n {pool}. " if has_network else ""
    raise AlreadyInUse(
        f"all containers of the pool {pool} were removed; its state is kept",
        hint=f"{start}Delete it: condor-mini delete -n {pool}. "
        "Create another: condor-mini create -n NAME",
    )


def check_network(engine: Engine, pool: str) -> None:
    """Raise ``AlreadyInUse`` if the network of that name is no pool's."""
    for network in engine.networks({}):
        if network.name == pool and network.labels.get(f"{LABEL}.pool") != pool:
            raise AlreadyInUse(
                f"there is a network {pool}, and it is no pool's",
                hint="Choose another name: condor-mini create -n NAME",
            )


def check_names(engine: Engine, nodes: Sequence[PlannedNode]) -> None:
    """Raise ``AlreadyInUse`` if a container that is no node has the name of one of these nodes."""
    names = {node.name for node in nodes}
    for info in engine.containers({}):
        if info.name in names and not is_node(engine, info):
            raise name_taken(engine, info.name, host_of(info.id))


def name_taken(engine: Engine, name: str, host: str = "") -> AlreadyInUse:
    """Return the error for a node's name that a container outside all pools has.

    Args:
        engine: Engine that the pool is on.
        name: The name.
        host: Host that the container is on; empty for the first.
    """
    command = (
        f"{engine.name} ps --all" if isinstance(engine, ImageBuilder) else "condor-mini doctor"
    )
    where = f" on the host {host}" if host else ""
    return AlreadyInUse(
        f"the name {name} is taken by a container outside the pool{where}",
        hint=f"Rename or remove that container. Find it: {command}",
    )


def check_ports(nodes: Sequence[PlannedNode]) -> None:
    """Raise ``AlreadyInUse`` if a program of this machine listens at a port that a node publishes.

    A port that the caller may not try is left to the engine.
    """
    for node in nodes:
        for port in node.container.ports:
            if port.host_port is not None and _is_taken(port):
                raise AlreadyInUse(
                    f"Host port {host_in_url(port.host_ip)}:{port.host_port}, which {node.name} "
                    "publishes, is already in use.",
                    hint="Choose another port in the pool file, or leave the host's port out.",
                )


def _is_taken(port: PublishedPort) -> bool:
    family = socket.AF_INET6 if ":" in port.host_ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Connections that have just ended do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((port.host_ip, port.host_port))
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    return False
