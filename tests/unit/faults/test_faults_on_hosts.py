"""Faults of a pool on two hosts, one of which is away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineCapabilityError, HostNotReached
from condor_mini.pool import Pool
from two_hosts import TwoHosts, not_reached

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool_engine import PoolEngine


@pytest.fixture
def two(new_pools: Callable[[], PoolEngine], monkeypatch: pytest.MonkeyPatch) -> TwoHosts:
    """Two hosts with the pool."""
    two = TwoHosts.made(new_pools, monkeypatch)
    two.create()
    return two


def left(two: TwoHosts) -> list[str]:
    """The faults in force, as a new command finds them."""
    return [str(record) for record in Pool.open("ci", engine=two.here).faults.in_force()]


def test_fault_here_needs_no_other_host(two: TwoHosts) -> None:
    """It is made, shown and undone while the other host is away."""
    two.there.fail_at(two.there.number + 1, not_reached(), for_good=True)
    pool = Pool.open("ci", engine=two.here)
    pool.faults.stop_node("execute-1")
    assert not pool.node("execute-1").is_running
    assert left(two) == ["stop-node ci-execute-1"]
    assert pool.status().faults[0].target == "ci-execute-1"
    pool.faults.heal()
    assert pool.node("execute-1").is_running
    assert left(two) == []


def test_fault_there_stays_until_its_host_is_back(two: TwoHosts) -> None:
    """It is not forgotten, though its node is not seen and its time is over."""
    Pool.open("ci", engine=two.here).faults.strike("stop-node", "execute-2", for_s=-60)
    two.there.fail_at(two.there.number + 1, not_reached(), for_good=True)
    assert left(two) == ["stop-node ci-execute-2"]
    with pytest.raises(HostNotReached, match="node2 is not reached"):
        Pool.open("ci", engine=two.here).faults.heal()
    assert left(two) == ["stop-node ci-execute-2"]
    two.there.fail_at(0, not_reached())
    assert left(two) == []
    assert Pool.open("ci", engine=two.here).node("execute-2").is_running


def test_node_on_a_host_that_is_away(two: TwoHosts) -> None:
    """It is not said to be missing: its host is."""
    two.there.fail_at(two.there.number + 1, not_reached(), for_good=True)
    with pytest.raises(HostNotReached, match=r"node execute-2 is not among.*node2 is not reached"):
        Pool.open("ci", engine=two.here).faults.stop_node("execute-2")


@pytest.mark.parametrize(
    ("nodes", "away_from"),
    [
        (("execute-1", "execute-2"), ()),
        (("execute-2", "execute-1"), ()),
        (("execute-2",), ("master",)),
        (("execute-1",), ("submit-1", "execute-2")),
    ],
)
def test_nodes_of_two_hosts_are_not_told_apart(
    two: TwoHosts, nodes: tuple[str, ...], away_from: tuple[str, ...]
) -> None:
    """They meet at the broker: to cut one off from the other is refused before anything is done."""
    pool = Pool.open("ci", engine=two.here)
    before = len(two.here.calls), len(two.there.calls)
    with pytest.raises(EngineCapabilityError, match="on another host, and they connect") as refusal:
        pool.faults.partition(*nodes, away_from=away_from)
    assert "leave out --from" in (refusal.value.hint or "")
    assert left(two) == []
    done = [*two.here.calls[before[0] :], *two.there.calls[before[1] :]]
    assert {call.method for call in done} & {"run_in_network", "create_volume", "build"} == set()
