"""``condor-mini delete`` on an engine in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, EngineNotFound
from condor_mini.engine import ContainerSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
    from pool_engine import PoolEngine

    Run = Callable[..., Result]


def left(engine: PoolEngine) -> list[str]:
    """All containers and networks that there are."""
    names = [info.name for info in engine.containers({})]
    return names + [network.name for network in engine.networks({})]


@pytest.fixture
def two(condor_mini: Run) -> Run:
    """The command, where there are the pools ``a`` and ``b``."""
    condor_mini("create", "-n", "a")
    condor_mini("create", "-n", "b")
    return condor_mini


def test_pool_is_gone_and_told(condor_mini: Run, pools: PoolEngine) -> None:
    """The deletion is reported on stderr, and nothing is left."""
    condor_mini("create")
    result = condor_mini("delete")
    assert (result.status, result.out, result.err) == (0, "", "Deleted the pool mini\n")
    assert left(pools) == []


def test_absent_pool_is_a_success(condor_mini: Run) -> None:
    """An absent pool is exit code 0, with a note."""
    result = condor_mini("delete", "-n", "ci")
    assert (result.status, result.err) == (0, "There is no pool ci\n")


def test_quiet_is_quiet(condor_mini: Run) -> None:
    """-q says nothing."""
    result = condor_mini("delete", "-q")
    assert (result.status, result.out, result.err) == (0, "", "")


def test_only_the_named_one_goes(two: Run, pools: PoolEngine) -> None:
    """The other pool stays."""
    two("delete", "-n", "a")
    assert sorted(left(pools)) == ["b", "b-execute-1", "b-master", "b-submit-1"]


def test_name_of_the_environment(
    two: Run, pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONDOR_MINI_NAME is the name."""
    monkeypatch.setenv("CONDOR_MINI_NAME", "b")
    assert two("delete").err == "Deleted the pool b\n"
    assert "a-master" in left(pools)


def test_all_are_all_pools_and_nothing_else(two: Run, pools: PoolEngine) -> None:
    """--all removes every pool; what is not ours stays."""
    pools.create(ContainerSpec(image="condor-master:25", name="theirs"))
    personal = {"io.condor-mini.kind": "mini", "io.condor-mini.pool": "mini-1"}
    pools.create(ContainerSpec(image="condor-master:25", name="mini-1", labels=personal))
    pools.create_network("theirs", labels={})
    result = two("delete", "--all")
    assert result.err == "Deleted the pool a\nDeleted the pool b\n"
    assert left(pools) == ["theirs", "mini-1", "theirs"]


@pytest.mark.parametrize("also", [(), ("a",)], ids=["network is there", "network is gone"])
def test_all_without_containers_too(two: Run, pools: PoolEngine, also: tuple[str, ...]) -> None:
    """--all removes also a pool of which only volumes are left, with or without its network."""
    pools.remove("a-master", "a-submit-1", "a-execute-1")
    for network in also:
        pools.remove_network(network)
    assert two("delete", "--all").err == "Deleted the pool a\nDeleted the pool b\n"
    assert left(pools) == []
    assert pools.volumes({}) == []


def test_all_of_none(condor_mini: Run) -> None:
    """--all without any pool is a success, with a note."""
    result = condor_mini("delete", "--all")
    assert (result.status, result.err) == (0, "There are no pools\n")


def test_all_and_a_name_contradict(two: Run, pools: PoolEngine) -> None:
    """--all with a name is a usage error, and nothing is removed."""
    result = two("delete", "--all", "-n", "a")
    assert (result.status, "either --all or the pool a" in result.err) == (2, True)
    assert len(left(pools)) == 8


def test_all_in_spite_of_the_environments_name(
    two: Run, pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--all does not contradict CONDOR_MINI_NAME."""
    monkeypatch.setenv("CONDOR_MINI_NAME", "b")
    assert two("delete", "--all").status == 0
    assert left(pools) == []


def test_one_that_cannot_be_deleted_does_not_keep_the_others(two: Run, pools: PoolEngine) -> None:
    """--all goes on after a failure, and then fails with the engine's words."""
    pools.fail_next("remove_network", CommandFailed(["docker", "network", "rm"], 1, "it is busy"))
    result = two("delete", "--all")
    assert (result.status, "it is busy" in result.err) == (1, True)
    assert left(pools) == ["a"]


def test_bad_name(condor_mini: Run) -> None:
    """A name that no pool can have is exit code 2."""
    assert condor_mini("delete", "-n", "A pool").status == 2


def test_engine_that_does_not_answer(
    condor_mini: Run, pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No engine is exit code 6, with its own words."""

    def gone() -> None:
        raise EngineNotFound("nobody answers", hint="start it")

    monkeypatch.setattr(pools, "info", gone)
    result = condor_mini("delete")
    assert (result.status, result.err) == (6, "condor-mini: nobody answers\nstart it\n")
