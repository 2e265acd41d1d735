"""A personal pool is a pool that commands know by its name, from any directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import AlreadyInUse, UsageError
from condor_mini.base.layout import HEALTH
from condor_mini.base.progress import Progress
from condor_mini.engine import FakeExec, FakeOutcome
from condor_mini.images import builder
from condor_mini.nodes.node import Role
from condor_mini.personal.caller import Caller
from condor_mini.personal.pool import PersonalPool
from condor_mini.personal.reopening import options_of
from condor_mini.personal.spec import PersonalSpec
from condor_mini.pool import Pool
from hand_made import personal_spec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result
    from condor_mini.engine import FakeEngine
    from fake_pool import FakePool

NAME = "mini-abc"


@pytest.fixture
def personal(fake: FakeEngine, tmp_path: Path) -> FakeEngine:
    """An engine with the personal pool ``mini-abc``, which runs."""
    fake.start(fake.create(personal_spec(NAME, tmp_path)))
    fake.on_exec([HEALTH], lambda _: FakeOutcome())
    return fake


@pytest.fixture(autouse=True)
def ordinary_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller is an ordinary user, whoever runs the tests, and has the image."""
    monkeypatch.setattr(Caller, "current", lambda _: Caller(uid=1000, gid=1000))
    monkeypatch.setattr(builder, "ensure", lambda *_: "condor-mini:25")


def test_it_has_one_node_of_all_roles(personal: FakeEngine) -> None:
    """Whatever role is asked for, the only node is meant."""
    pool = Pool.open(NAME, engine=personal)
    assert [pool.node(role=role).name for role in Role] == [NAME] * len(Role)


def test_commands_run_as_its_own_user(personal: FakeEngine) -> None:
    """Its container has one user, and root is asked for in vain."""
    seen: list[str | None] = []

    def whoami(call: FakeExec) -> FakeOutcome:
        seen.append(call.user)
        return FakeOutcome()

    personal.on_exec(["whoami"], whoami)
    Pool(personal, NAME).exec(["whoami"], user="root")
    Pool(personal, NAME).exec(["whoami"])
    assert seen == ["1000:1000", "1000:1000"]


def test_status_wants_all_daemons(make_pool: Callable[..., FakePool], personal: FakeEngine) -> None:
    """A pool is usable if each of its daemons is at its collector."""
    other = make_pool("ci")
    kinds = ("Collector", "Negotiator", "Scheduler", "StartD", "Machine")
    other.ads = [other.ad(NAME, kind) for kind in kinds]
    pool = Pool(personal, NAME)
    assert pool.status().verdict == "usable"
    other.ads.pop(2)
    assert f"no schedd of {NAME} is at the collector" in str(pool.status().reasons)


def test_delete_keeps_the_state(
    personal: FakeEngine, run: Callable[..., Result], tmp_path: Path
) -> None:
    """The daemons end, the container goes, and the message says where the state is."""
    (tmp_path / "kept").touch()
    result = run("delete", NAME)
    assert result.err == f"Deleted the pool {NAME}; its state is kept in {tmp_path}\n"
    assert (tmp_path / "kept").exists()
    assert personal.containers({}) == []
    assert [call.method for call in personal.calls if call.method in ("stop", "remove")] == [
        "stop",
        "remove",
    ]


def test_delete_all_deletes_it(
    make_pool: Callable[..., FakePool], personal: FakeEngine, run: Callable[..., Result]
) -> None:
    """--all is both kinds."""
    make_pool("ci")
    assert run("delete", "--all").status == 0
    assert personal.containers({}) == []


def test_it_is_not_scaled(personal: FakeEngine) -> None:
    """There is one node, and the hint says how to get more."""
    with pytest.raises(UsageError) as refused:
        Pool(personal, NAME).scale(2)
    assert "condor-mini create" in str(refused.value.hint)


def test_its_name_is_taken(personal: FakeEngine) -> None:
    """No pool is created with the name of a personal one, whether or not it may exist."""
    for if_not_exists in (False, True):
        with pytest.raises(AlreadyInUse):
            Pool.create(NAME, engine=personal, if_not_exists=if_not_exists)
    assert [info.name for info in personal.containers({})] == [NAME]


def test_a_created_pools_name_is_taken(make_pool: Callable[..., FakePool], tmp_path: Path) -> None:
    """No personal pool is started with the name of a created one."""
    engine = make_pool("ci").engine
    spec = PersonalSpec(name="ci", state=tmp_path / "state", workdir=tmp_path)
    with (
        pytest.raises(AlreadyInUse, match="there is a pool ci"),
        PersonalPool.open(engine, spec, Progress()),
    ):
        pass


def test_it_is_started_again_with_its_options(personal: FakeEngine, tmp_path: Path) -> None:
    """``start`` after ``stop`` makes a new container on the same directory, which stays."""
    pool = Pool(personal, NAME)
    options = options_of(pool.node())
    assert (options.state, options.name, options.series) == (tmp_path, NAME, "25")
    before = pool.node().info.id
    pool.stop()
    assert not pool.node().is_running
    pool.start()
    assert pool.node().is_running
    assert pool.node().info.id != before
    assert pool.node().state_directory == str(tmp_path)


def test_two_personal_pools(personal: FakeEngine, tmp_path: Path) -> None:
    """Each is known by its own name, and the other one stays."""
    (tmp_path / "other").mkdir()
    personal.start(personal.create(personal_spec("mini-xyz", tmp_path / "other")))
    Pool(personal, NAME).delete()
    assert [pool.name for pool in Pool.list(engine=personal)] == ["mini-xyz"]
