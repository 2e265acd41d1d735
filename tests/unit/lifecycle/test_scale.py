"""Nodes that are added to a pool."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CondorMiniError, PoolNotReady
from condor_mini.base.progress import Progress
from condor_mini.cli import Terminated
from condor_mini.engine import FakeOutcome
from condor_mini.lifecycle.scale import scale
from condor_mini.nodes.node import pool_nodes
from pool_ci import FAILURES, WHOLE, add_two, count_calls, create, held

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import FakeExec
    from pool_engine import PoolEngine

NEW = '"ci-execute-3", "ci-execute-4"'


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_failure_while_adding_leaves_the_pool_as_it_was(
    new_pools: Callable[[], PoolEngine], *, after: bool
) -> None:
    """Whichever call fails while nodes are added, the new ones go, and only they."""
    engine = new_pools()
    create(engine)
    total = count_calls(add_two, engine)
    for number in range(1, total + 1):
        engine = new_pools()
        create(engine)
        engine.fail_at(engine.number + number, FAILURES["absent"](), after=after)
        with pytest.raises(CondorMiniError):
            add_two(engine)
        assert held(engine) == WHOLE, f"call {number}"
        assert all(node.is_running for node in pool_nodes(engine, "ci"))


@pytest.mark.usefixtures("ending")
def test_signal_while_adding_leaves_the_pool_as_it_was(
    new_pools: Callable[[], PoolEngine],
) -> None:
    """A signal during any call while nodes are added: the new ones go, and only they."""
    engine = new_pools()
    create(engine)
    total = count_calls(add_two, engine)
    for number in range(1, total + 1):
        engine = new_pools()
        create(engine)
        engine.signal_at(engine.number + number, signal.SIGTERM)
        with pytest.raises(Terminated):
            add_two(engine)
        assert held(engine) == WHOLE, f"call {number}"


def test_slot_that_does_not_come_takes_the_new_nodes_away(pools: PoolEngine) -> None:
    """New nodes whose slots are missing at the deadline are stopped, then removed."""
    create(pools)
    pools.lacking["ci-execute-3"] = "STARTD is not running"
    with pytest.raises(PoolNotReady, match=r"(?s)ci-execute-3 .*the pool ci is as it was"):
        scale(pools, "ci", 3, Progress(), group=None, grace_s=0, timeout_s=0)
    assert held(pools) == WHOLE
    assert [c.method for c in pools.calls if c.method in {"stop", "remove"}] == ["stop", "remove"]


def test_new_nodes_that_go_are_forgotten(pools: PoolEngine) -> None:
    """The collector is told to forget the new nodes, and only these."""
    create(pools)
    pools.lacking["ci-execute-3"] = "STARTD is not running"
    told: list[str] = []

    def forget(call: FakeExec) -> FakeOutcome:
        told.append(call.stdin or "")
        return FakeOutcome()

    for command in ("INVALIDATE_STARTD_ADS", "INVALIDATE_MASTER_ADS"):
        pools.on_exec(["condor_advertise", command, "-"], forget)
    with pytest.raises(PoolNotReady):
        scale(pools, "ci", 4, Progress(), group=None, grace_s=0, timeout_s=0)
    assert [ad.splitlines()[1:] for ad in told] == [
        [f'TargetType = "{kind}"', f"Requirements = member(CondorMiniNode, {{{NEW}}})"]
        for kind in ("Machine", "StartD", "DaemonMaster")
    ]
