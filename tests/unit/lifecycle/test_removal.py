"""Pools that are removed, as a whole or what is left of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from condor_mini.base.errors import CommandFailed
from condor_mini.base.progress import Progress
from condor_mini.engine import FakeEngine, FakeOutcome
from condor_mini.lifecycle import creation, removal
from condor_mini.nodes.node import pool_nodes
from pool_ci import FAILURES, WHOLE, count_calls, create, held, spec_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import FakeExec
    from fake_pool import FakePool
    from pool_engine import PoolEngine


@pytest.mark.parametrize("gone", WHOLE)
def test_half_a_pool_is_removed(pools: PoolEngine, gone: str) -> None:
    """Whatever part of a pool is missing, the rest is removed."""
    create(pools)
    if gone == "ci":
        pools.stop(*(node.info.id for node in pool_nodes(pools, "ci")), timeout_s=0)
        pools.remove_network(gone)
    elif gone == "ci-data":
        pools.remove("ci-submit-1")
        pools.remove_volume(gone)
    else:
        pools.remove(gone)
    assert removal.remove(pools, "ci")
    assert held(pools) == []


def test_removal_that_fails_can_be_repeated(new_pools: Callable[[], PoolEngine]) -> None:
    """Whichever call of a removal fails, a second one removes the rest."""
    engine = new_pools()
    create(engine)
    total = count_calls(lambda engine: cast("None", removal.remove(engine, "ci")), engine)
    for number in range(1, total + 1):
        engine = new_pools()
        create(engine)
        engine.fail_at(engine.number + number, FAILURES["failed"]())
        with pytest.raises(CommandFailed):
            removal.remove(engine, "ci")
        removal.remove(engine, "ci")
        assert held(engine) == [], f"call {number}"


def test_network_is_removed_last(pools: PoolEngine) -> None:
    """As long as anything of a pool is there, its name is taken."""
    create(pools)
    removal.remove(pools, "ci")
    removals = [call.method for call in pools.calls if call.method.startswith("remove")]
    assert list(dict.fromkeys(removals)) == ["remove", "remove_volume", "remove_network"]
    assert removals.count("remove_network") == 1


def test_removal_by_somebody_else_is_waited_for(pools: PoolEngine) -> None:
    """Where another process is removing the nodes, network and volumes wait for its end."""
    create(pools)
    nodes = [node.info.id for node in pool_nodes(pools, "ci")]
    looks = 0

    def already_in_progress(*_: str) -> None:
        """The engine says that somebody is at it."""

    def meanwhile() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            FakeEngine.remove(pools, *nodes)

    pools.remove = already_in_progress  # type: ignore[method-assign]
    pools.before["containers"] = meanwhile
    assert removal.remove(pools, "ci")
    assert (looks, held(pools)) == (3, [])


def test_absent_pool_is_no_failure(pools: PoolEngine) -> None:
    """Removing what is not there is a success, and says that nothing was there."""
    assert removal.remove(pools, "ci") is False


def test_other_pool_stays(pools: PoolEngine) -> None:
    """Removing a pool does not touch one whose name begins alike."""
    create(pools)
    creation.create(pools, spec_of(name="ci-2"), Progress(), timeout_s=5)
    removal.remove(pools, "ci-2")
    assert held(pools) == WHOLE


def test_all_tables_forget_the_nodes(pool: FakePool) -> None:
    """The collector takes the nodes' slots, startds and masters from its tables, and no others."""
    told: list[tuple[str, str | None, str]] = []

    def listen(call: FakeExec) -> FakeOutcome:
        told.append((call.argv[1], call.stdin, call.user))
        return FakeOutcome()

    pool.engine.on_exec(["condor_advertise"], listen)
    removal.forget_ads(pool.nodes[0], ["ci-execute-1", "ci-execute-2"])
    which = 'Requirements = member(CondorMiniNode, {"ci-execute-1", "ci-execute-2"})'
    assert told == [
        (command, f'MyType = "Query"\nTargetType = "{kind}"\n{which}\n', "root")
        for command, kind in (
            ("INVALIDATE_STARTD_ADS", "Machine"),
            ("INVALIDATE_STARTD_ADS", "StartD"),
            ("INVALIDATE_MASTER_ADS", "DaemonMaster"),
        )
    ]


def test_collector_that_has_ended_forgets_anyway(pool: FakePool) -> None:
    """A collector that does not run has no ads: that nobody can tell it so is no failure."""
    manager = pool.nodes[0]
    pool.engine.end("ci-master", exit_code=0)
    removal.forget_ads(manager, ["ci-execute-1"])
