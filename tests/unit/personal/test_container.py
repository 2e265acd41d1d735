"""How clients on this machine reach a personal pool: its port, its settings, and its options."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from condor_mini.base.errors import AlreadyInUse
from condor_mini.base.layout import HEALTH
from condor_mini.base.progress import Progress
from condor_mini.engine import FakeEngine, FakeOutcome
from condor_mini.images import builder
from condor_mini.nodes import forwarding
from condor_mini.personal.caller import Caller
from condor_mini.personal.pool import PersonalPool
from condor_mini.personal.reopening import options_of
from condor_mini.personal.spec import PersonalSpec
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Start = Callable[..., Pool]

NAME = "mini-abc"


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is changed in the engine's description of itself."""
    changed: dict[str, Any] = {}
    described = FakeEngine.info
    monkeypatch.setattr(FakeEngine, "info", lambda engine: replace(described(engine), **changed))
    return changed


@pytest.fixture
def start(
    fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any]
) -> Start:
    """Starts a pool on one state directory, or enters the one that runs there, and keeps it."""
    monkeypatch.setattr(Caller, "current", lambda _: Caller(uid=1000, gid=1000))
    monkeypatch.setattr(builder, "ensure", lambda *_: "condor-mini:25")
    fake.add_image("condor-mini:25")
    fake.on_exec([HEALTH], lambda _: FakeOutcome())

    def start(
        *, reachable: bool | int | None = None, spec: PersonalSpec | None = None, **engine: bool
    ) -> Pool:
        facts.update(engine)
        spec = spec or PersonalSpec(
            name=NAME, state=tmp_path / "state", workdir=tmp_path, reachable=reachable
        )
        with PersonalPool.open(fake, spec, Progress(), keep=True) as pool:
            return Pool(fake, pool.name)

    return start


def settings(pool: Pool) -> str:
    """The settings for clients that the pool's container has; empty if there are none."""
    engine = pool.engine
    assert isinstance(engine, FakeEngine)
    file = engine._host.get(pool.name).files.get(f"/{forwarding.CONFIG}")
    return ((file and file.content) or b"").decode()


def test_where_there_are_routes_clients_use_the_containers_address(start: Start) -> None:
    """The daemons listen in the container's network, and no port is published."""
    pool = start()
    assert pool.node().published_port is None
    assert "NETWORK_INTERFACE = *\n" in settings(pool)
    assert "SHARED_PORT_PORT" not in settings(pool)


@pytest.mark.parametrize(
    ("reachable", "engine"),
    [(None, {"has_routes": False}), (True, {}), (25000, {})],
    ids=["no routes", "wanted", "chosen"],
)
def test_one_port_is_published(
    start: Start, reachable: bool | int | None, engine: dict[str, bool]
) -> None:
    """It has the same number inside and outside, and is the daemons' own."""
    pool = start(reachable=reachable, **engine)
    port = pool.node().published_port
    assert port is not None
    assert pool.node().info.ports == {port: f"127.0.0.1:{port}"}
    assert f"SHARED_PORT_PORT = {port}\n" in settings(pool)
    assert f"COLLECTOR_HOST = $(CONDOR_HOST):{port}\n" in settings(pool)
    assert reachable in (None, True, port)


@pytest.mark.parametrize(
    ("reachable", "engine"),
    [(False, {}), (False, {"has_routes": False}), (None, {"on_loopback": True})],
    ids=["unwanted", "unwanted without routes", "embedded"],
)
def test_no_settings_for_clients(
    start: Start, reachable: bool | None, engine: dict[str, bool]
) -> None:
    """A pool listens only inside its container, or has a loopback address of its own."""
    pool = start(reachable=reachable, **engine)
    assert (pool.node().info.ports, settings(pool)) == ({}, "")


@pytest.mark.parametrize("reachable", [None, False, True, 25000])
def test_a_pool_that_is_started_again_is_reached_as_before(
    start: Start, reachable: bool | int | None
) -> None:
    """It has the same port, or none."""
    pool = start(reachable=reachable)
    before, text = pool.node(), settings(pool)
    assert options_of(before).reachable == (False if reachable is False else before.published_port)
    pool.stop()
    pool.start()
    assert pool.node().info.id != before.info.id
    assert pool.node().published_port == before.published_port
    assert settings(pool) == text


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        (None, True, "is the address of its container, not a published port"),
        (None, False, "is the address of its container, not none"),
        (False, True, "is none, not a published port"),
        (25000, False, "is the port 25000, not none"),
        (25000, 25001, "is the port 25000, not the port 25001"),
    ],
)
def test_a_running_pool_is_not_reached_in_another_way(
    start: Start, *, first: bool | int | None, then: bool | int, message: str
) -> None:
    """The message has both ways."""
    start(reachable=first)
    with pytest.raises(AlreadyInUse, match=f"way for clients on this machine {message}"):
        start(reachable=then)


@pytest.mark.parametrize(
    ("first", "then"), [(None, None), (25000, True), (25000, None), (False, None), (False, False)]
)
def test_a_running_pool_is_entered(
    start: Start, *, first: bool | int | None, then: bool | None
) -> None:
    """Nothing is asked for that it does not have."""
    before = start(reachable=first).node()
    assert start(reachable=then).node().info.id == before.info.id


def test_a_running_pool_of_the_embedded_engine_is_entered(start: Start) -> None:
    """It is always reached at its own address."""
    before = start(on_loopback=True).node()
    assert start(reachable=True).node().info.id == before.info.id


def test_every_option_is_kept_for_the_next_start(start: Start, tmp_path: Path) -> None:
    """A pool that is stopped and started again has the options that it was started with."""
    spec = PersonalSpec(
        name=NAME,
        state=tmp_path / "state",
        workdir=tmp_path,
        series="25",
        cpus=3,
        memory_mb=512,
        profile="production",
        reachable=25000,
    )
    pool = start(spec=spec)
    pool.stop()
    pool.start()
    assert options_of(pool.node()) == spec
