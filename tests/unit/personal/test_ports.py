"""The ports that a personal pool publishes."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import AlreadyInUse, EngineCapabilityError, UsageError
from condor_mini.engine import FakeEngine, PublishedPort
from condor_mini.nodes import forwarding
from condor_mini.personal import ports
from condor_mini.personal.spec import PersonalSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

INFO = FakeEngine().info()
ON_LOOPBACK = replace(INFO, on_loopback=True)


@pytest.mark.parametrize(
    ("text", "ip", "host", "inside"),
    [
        ("127.0.0.1:8888:80", "127.0.0.1", 8888, 80),
        ("8080:80", "127.0.0.1", 8080, 80),
        ("0.0.0.0:1:65535", "0.0.0.0", 1, 65535),  # noqa: S104
        ("[::1]:8080:80", "::1", 8080, 80),
    ],
)
def test_ports_as_they_are_written(text: str, ip: str, host: int, inside: int) -> None:
    """Without an address it is this machine's loopback address, and nobody else's."""
    assert ports.parsed(text) == PublishedPort(host_ip=ip, host_port=host, container_port=inside)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "80",
        "0:80",
        "80:65536",
        "a:80",
        "1.2.3:8080:80",
        "80:80:80:80",
        "[::g]:1:2",
        "8080:80/udp",
    ],
)
def test_what_is_no_port(text: str) -> None:
    """The message says how one is written."""
    with pytest.raises(UsageError, match=r"must be \[ADDRESS:\]PORT:PORT"):
        ports.parsed(text)


def test_label_has_them_in_one_form() -> None:
    """The same ports are the same label, however they were written."""
    short, long = (
        PersonalSpec(publish=("1:2", "[::1]:3:4")),
        PersonalSpec(publish=("127.0.0.1:1:2", "[0::1]:3:4")),
    )
    assert ports.label(short) == ports.label(long) == "127.0.0.1:1:2 [::1]:3:4"


def test_nothing_is_published_where_the_network_is_shared() -> None:
    """The embedded engine refuses, and says where it is reached already."""
    with pytest.raises(EngineCapabilityError) as refused:
        ports.check(PersonalSpec(publish=("8080:80",)), ON_LOOPBACK)
    assert refused.value.hint is not None
    assert "127.0.0.1:80 in the pool is at that address here too" in refused.value.hint
    ports.check(PersonalSpec(), ON_LOOPBACK)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens at."""
    other = socket.create_server(("127.0.0.1", 0))
    number: int = other.getsockname()[1]
    yield number
    other.close()


def test_port_in_use(taken: int) -> None:
    """It is refused before anything is made, be it the notebook's or another."""
    for spec in (
        PersonalSpec(notebook=True, notebook_port=taken),
        PersonalSpec(publish=(f"{taken}:80",)),
    ):
        with pytest.raises(AlreadyInUse, match=f"port {taken} of 127.0.0.1 is already in use"):
            ports.check(spec, INFO)


@pytest.mark.parametrize("is_free", [True, False])
def test_notebooks_port(monkeypatch: pytest.MonkeyPatch, *, is_free: bool) -> None:
    """It is 8888 if that is free, else one that is."""
    monkeypatch.setattr(forwarding, "is_free", lambda _, port: is_free or port != 8888)
    assert ports.notebook_port(PersonalSpec(), "a") is None
    assert ports.notebook_port(PersonalSpec(notebook=True, notebook_port=5), "a") == 5
    chosen = ports.notebook_port(PersonalSpec(notebook=True), "a")
    assert chosen is not None
    assert (chosen == 8888) is is_free
    other = ports.notebook_port(PersonalSpec(notebook=True, publish=("8888:80",)), "a")
    assert other not in (8888, None)


def test_what_a_container_publishes() -> None:
    """The notebook is on loopback, and where the network is shared nothing has to be published."""
    spec = PersonalSpec(notebook=True, publish=("0.0.0.0:1:2",))
    found = ports.published(spec, INFO, 20001, 9999)
    assert [(port.host_ip, port.host_port, port.container_port) for port in found] == [
        ("0.0.0.0", 1, 2),  # noqa: S104
        ("127.0.0.1", 20001, 20001),
        ("127.0.0.1", 9999, 8888),
    ]
    assert ports.published(PersonalSpec(notebook=True), ON_LOOPBACK, None, 9999) == ()
