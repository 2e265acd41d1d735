"""The ports of this machine that a personal pool publishes: the notebook's, and the user's own."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse, EngineCapabilityError, UsageError
from condor_mini.engine import PublishedPort
from condor_mini.engine.values import host_in_url
from condor_mini.nodes import forwarding

if TYPE_CHECKING:
    from condor_mini.engine import EngineInfo
    from condor_mini.personal.spec import PersonalSpec

NOTEBOOK_PORT = 8888
"""JupyterLab's port in a container, and on this machine where it is free."""
_PUBLISHED = re.compile(r"(?:(?P<ip>[0-9.]+|\[[0-9a-fA-F:]+\]):)?(?P<host>\d+):(?P<inside>\d+)")
_HIGHEST = 65535


def parsed(text: str) -> PublishedPort:
    """Return the port that ``[ADDRESS:]PORT:PORT`` publishes; the address is 127.0.0.1 by default.

    Raises:
        UsageError: It is not of that form.
    """
    found = _PUBLISHED.fullmatch(text)
    with suppress(ValueError):
        ip = str(ip_address(((found and found["ip"]) or forwarding.HOST).strip("[]")))
        ports = [int(found[part]) for part in ("host", "inside")] if found else []
        if ports and all(1 <= port <= _HIGHEST for port in ports):
            return PublishedPort(host_ip=ip, host_port=ports[0], container_port=ports[1])
    raise UsageError(f"--publish {text}: must be [ADDRESS:]PORT:PORT, as in 127.0.0.1:8888:8888")


def label(spec: PersonalSpec) -> str:
    """Return the ports that the user publishes, as a label has them: with spaces between."""
    return " ".join(
        f"{host_in_url(port.host_ip)}:{port.host_port}:{port.container_port}"
        for port in map(parsed, spec.publish)
    )


def check(spec: PersonalSpec, info: EngineInfo) -> None:
    """Raise what refuses the ports that a new pool is to publish.

    Raises:
        UsageError: A port is not written as it has to be.
        EngineCapabilityError: The engine publishes none: its pools have this machine's network.
        AlreadyInUse: Something else has a port.
    """
    mine = [parsed(text) for text in spec.publish]
    if mine and info.on_loopback:
        raise EngineCapabilityError(
            "the embedded engine publishes no ports: its pools use this machine's network",
            hint="Leave out --publish. What listens on "
            f"127.0.0.1:{mine[0].container_port} in the pool is at that address here too.",
        )
    wanted = [(port.host_ip, port.host_port or 0) for port in mine]
    if spec.notebook_port is not None:
        wanted.append((forwarding.HOST, spec.notebook_port))
    for ip, port in wanted:
        if not forwarding.is_free(ip, port):
            raise AlreadyInUse(
                f"port {port} of {ip} is already in use, or is not yours to use",
                hint="Choose another. Without --port, the notebook takes one that is free.",
            )


def notebook_port(spec: PersonalSpec, name: str) -> int | None:
    """Return this machine's port for the notebook of a new pool; None if it is to have none.

    Args:
        spec: Options of the pool.
        name: Its name.

    Raises:
        AlreadyInUse: No port is free.
    """
    if not spec.notebook:
        return None
    if spec.notebook_port is not None:
        return spec.notebook_port
    others = {parsed(text).host_port for text in spec.publish}
    if NOTEBOOK_PORT not in others and forwarding.is_free(forwarding.HOST, NOTEBOOK_PORT):
        return NOTEBOOK_PORT
    # Not the pool's own port, which is the first that is free.
    return forwarding.free_ports(f"{name}-notebook", 1)


def published(
    spec: PersonalSpec, info: EngineInfo, port: int | None, notebook: int | None
) -> tuple[PublishedPort, ...]:
    """Return all ports that a pool's container publishes.

    Args:
        spec: Options of the pool.
        info: What the engine says of itself.
        port: The port for HTCondor's clients, if there is one.
        notebook: This machine's port for the notebook, if there is one.
    """
    ports = [parsed(text) for text in spec.publish]
    if port is not None:
        ports.append(PublishedPort(container_port=port, host_port=port))
    if notebook is not None and not info.on_loopback:
        ports.append(PublishedPort(container_port=NOTEBOOK_PORT, host_port=notebook))
    return tuple(ports)
