"""Which ports of the host a pool publishes for clients, and when."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import pytest

from condor_mini.base.errors import AlreadyInUse
from condor_mini.engine import ContainerSpec, FakeEngine
from condor_mini.nodes import forwarding
from condor_mini.nodes.forwarding import (
    PORT,
    config,
    first_port,
    personal_config,
    port_of,
    settled,
)
from condor_mini.nodes.node import Role, pool_labels
from condor_mini.spec import PoolSpec


def spec(*, reachable: bool | int | None, name: str = "ci") -> PoolSpec:
    """A pool with two access points."""
    made = PoolSpec.from_options(name=name, access_points=2)
    return made.model_copy(update={"reachable": reachable})


@pytest.fixture
def engine() -> FakeEngine:
    """An engine that knows the image of a node."""
    made = FakeEngine()
    made.add_image("condor-submit:25")
    return made


@pytest.mark.parametrize(
    ("wanted", "facts", "publishes"),
    [
        (None, {}, False),
        (None, {"has_routes": False}, True),
        (None, {"has_routes": False, "same_host": False}, False),
        (False, {"has_routes": False}, False),
        (True, {}, True),
        (True, {"on_loopback": True}, False),
    ],
    ids=["routes", "no routes", "elsewhere", "unwanted", "wanted", "on the loopback"],
)
def test_ports_are_published_where_they_are_needed_or_wanted(
    engine: FakeEngine, wanted: bool | None, facts: dict[str, Any], publishes: bool
) -> None:
    """Without a word of the user's, where this machine has no route to the containers."""
    found = settled(spec(reachable=wanted), engine, replace(engine.info(), **facts))
    assert (type(found.reachable) is int) is publishes


def test_a_port_that_the_user_names_is_taken(engine: FakeEngine) -> None:
    """The central manager has that port, and the access points those that follow."""
    found = settled(spec(reachable=25000), engine, engine.info())
    roles = [(Role.CENTRAL_MANAGER, 0), (Role.ACCESS_POINT, 1), (Role.ACCESS_POINT, 2)]
    assert [port_of(found, *role) for role in roles] == [25000, 25001, 25002]
    assert port_of(found, Role.EXECUTION_POINT, 1) is None


def test_ports_are_the_same_each_time(engine: FakeEngine) -> None:
    """A pool that is deleted and created again mostly has the same ports."""
    first, second = (settled(spec(reachable=True), engine, engine.info()) for _ in range(2))
    assert first.reachable == second.reachable


def test_ports_of_a_stopped_pool_are_left_to_it(engine: FakeEngine) -> None:
    """Its containers have their ports as labels."""
    first = settled(spec(reachable=True), engine, engine.info()).reachable
    labels = {**pool_labels("other"), PORT: str(first)}
    engine.create(ContainerSpec(image="condor-submit:25", name="other-submit-1", labels=labels))
    second = settled(spec(reachable=True), engine, engine.info()).reachable
    assert isinstance(second, int)
    assert isinstance(first, int)
    assert abs(second - first) >= 3


def test_a_port_in_use_is_not_taken(engine: FakeEngine) -> None:
    """Another program of the host listens there."""
    first = settled(spec(reachable=True), engine, engine.info()).reachable
    with socket.create_server(("127.0.0.1", int(first or 0) + 1)):
        assert settled(spec(reachable=True), engine, engine.info()).reachable != first


def test_no_ports_are_free(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how to choose them."""
    monkeypatch.setattr(forwarding, "is_free", lambda *_: False)
    with pytest.raises(AlreadyInUse, match="no 3 in a row are free") as caught:
        settled(spec(reachable=True), engine, engine.info())
    assert "reachable: PORT" in str(caught.value)


def test_only_nodes_with_a_port_forward_it() -> None:
    """All nodes use their own addresses among themselves."""
    made = spec(reachable=25000)
    (of_submit,) = config(made, Role.ACCESS_POINT, 2).values()
    (of_execute,) = config(made, Role.EXECUTION_POINT, 1).values()
    assert "SHARED_PORT_PORT = 25002\nTCP_FORWARDING_HOST = 127.0.0.1\n" in of_submit
    assert "TCP_FORWARDING_HOST" not in of_execute
    for text in (of_submit, of_execute):
        assert "PRIVATE_NETWORK_NAME = ci\n" in text
        assert "COLLECTOR_HOST = $(CONDOR_HOST):25000\n" in text
    assert config(spec(reachable=False), Role.ACCESS_POINT, 1) == {}


def test_a_personal_pool_has_one_port_for_all(engine: FakeEngine) -> None:
    """It is left alone by others; clients of a pool without it use the container's address."""
    port = first_port(True, engine, engine.info(), name="mine")
    assert port is not None
    (text,) = personal_config("mine", port).values()
    assert f"COLLECTOR_HOST = $(CONDOR_HOST):{port}\n" in text
    assert f"SHARED_PORT_PORT = {port}\nTCP_FORWARDING_HOST = 127.0.0.1\n" in text
    (text,) = personal_config("mine", None).values()
    assert "PORT" not in text
    labels = {**pool_labels("mine"), PORT: str(port)}
    engine.create(ContainerSpec(image="condor-submit:25", name="mine", labels=labels))
    assert first_port(True, engine, engine.info(), name="mine") != port
