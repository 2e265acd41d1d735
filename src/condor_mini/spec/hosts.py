"""Hosts in a spec: where nodes are, where a pool is reached, and the pool that nodes join."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema

from condor_mini.base.errors import UsageError
from condor_mini.spec.base import Part, reading, shown
from condor_mini.spec.mounts import MOST_PORT

COLLECTOR_PORT = 9618
"""HTCondor's manual, "Configuration Macros": ``COLLECTOR_PORT``."""
ENDPOINT_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$"
"""A name or an IPv4 address, and perhaps a port."""
SERIES_THAT_BROKERS_TWO = 25
"""The first series whose broker connects two nodes that both need it: seen with 25.14, not with
23.9."""
EMBEDDED = "embedded"
"""This machine without a container engine, as a host of nodes."""
_AT = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
HOST_PATTERN = rf"^({_AT}|ssh://({_AT}@)?{_AT}(:[0-9]{{1,5}})?|tcp://{_AT}:[0-9]{{1,5}})$"
"""A Docker context, a URL of Docker's engine, or ``EMBEDDED``."""


class Endpoint(Part):
    """A host, by name or IPv4 address, and a port there."""

    host: str
    port: int = COLLECTOR_PORT
    address: str = ""
    """The address that the host's name has here; empty until it was looked up. Nodes do not know
    all names that this machine knows."""
    own_address: str = ""
    """The address of this host at which its nodes listen; empty if they are in containers that have
    addresses of their own."""
    embedded_address: str = ""
    """The address of this host at which the nodes listen whose ``host`` is ``EMBEDDED``."""

    @property
    def ip(self) -> str:
        """The host's address, or its name until that was looked up."""
        return self.address or self.host

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Joined(Part):
    """The pool on another host that nodes of this host join."""

    central_manager: Endpoint
    """Where this host reaches the central manager, and the address at which the nodes listen."""
    trust_domain: str
    """The issuer of that pool's tokens: ``TRUST_DOMAIN`` there."""
    host: str
    """What this host is called in the ads of its nodes."""
    first_port: int = 0
    """The port of the first node, if the nodes listen at the host's own address; 0 if what starts
    them chooses one."""


def endpoint(text: str) -> Endpoint:
    """Return the endpoint that is written as ``HOST`` or ``HOST:PORT``.

    Raises:
        UsageError: The text is something else.
    """
    try:
        return _endpoint(text)
    except ValueError as error:
        raise UsageError(f"{text}: {error}") from None


def _endpoint(text: str) -> Endpoint:
    host, _, digits = text.partition(":")
    port = int(digits or COLLECTOR_PORT) if re.fullmatch(ENDPOINT_PATTERN, text) else 0
    if not 1 <= port <= MOST_PORT:
        what = "with a name or an IPv4 address"
        raise ValueError(f"must be HOST or HOST:PORT, {what}, not {shown(text)}")
    return Endpoint(host=host, port=port)


def _from_text(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str):
        return _endpoint(value)
    if value is not None and reading(info).base is not None:
        raise ValueError(f"must be HOST or HOST:PORT, not {shown(value)}")
    return value


Exposed = Annotated[
    Endpoint | None,
    BeforeValidator(_from_text),
    WithJsonSchema({"type": "string", "pattern": ENDPOINT_PATTERN}),
]


def _host(value: str) -> str:
    if not re.fullmatch(HOST_PATTERN, value):
        raise ValueError(
            "must be the name of a Docker context, ssh://[USER@]HOST[:PORT], tcp://HOST:PORT or "
            f"{EMBEDDED}, not {shown(value)}"
        )
    return value


HostName = Annotated[
    str, AfterValidator(_host), WithJsonSchema({"type": "string", "pattern": HOST_PATTERN})
]


def short_name(host: str) -> str:
    """Return what a host of nodes is called in their ads: a context's name, or the URL's host."""
    return host.rpartition("://")[2].rpartition("@")[2].partition(":")[0]
