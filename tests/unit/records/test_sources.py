"""What is looked at, on two hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import PoolNotReady
from condor_mini.nodes.node import pool_labels
from condor_mini.nodes.pool_nodes import PoolNodes
from condor_mini.records.sources import NodeSource, SlotSource
from fake_pool import FakePool
from two_hosts import NODES, TwoHosts, not_reached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from condor_mini.engine import FakeEngine
    from condor_mini.nodes.node import Node
    from condor_mini.records.entry import TimelineEntry
    from pool_engine import PoolEngine


@pytest.fixture
def two(new_pools: Callable[[], PoolEngine], monkeypatch: pytest.MonkeyPatch) -> TwoHosts:
    """Two hosts with the pool."""
    two = TwoHosts.made(new_pools, monkeypatch)
    two.create()
    return two


def test_node_of_a_host_that_is_away_is_not_gone(two: TwoHosts) -> None:
    """That its host is not reached is said; a node that is removed here is told as such."""
    texts: list[str] = []
    seen: list[list[Node]] = []

    def add(entries: Iterable[TimelineEntry]) -> None:
        texts.extend(entry.text for entry in entries)

    source = NodeSource(PoolNodes(two.engine, "ci"), seen.append)
    source.look(add)
    assert texts == [f"{name} is running" for name in NODES]
    del texts[:]
    two.there.fail_at(two.there.number + 1, not_reached(), for_good=True)
    two.here.remove("ci-execute-1")
    with pytest.raises(PoolNotReady, match="node2 is not reached"):
        source.look(add)
    assert texts == ["ci-execute-1: running -> removed"]
    assert [node.name for node in seen[-1]] == ["ci-master", "ci-submit-1"]


def test_node_that_has_joined_is_recorded_elsewhere(fake: FakeEngine) -> None:
    """Its slots are seen, and it is said once where the rest is to be recorded."""
    fake.create_network("ci", labels=pool_labels("ci"))
    pool = FakePool(engine=fake, name="ci")
    fake.on_exec(["timeout", "5", "condor_status"], pool.ask)
    pool.add("master")
    pool.ads = [pool.ad("beta-execute-1", "Machine", CondorMiniHost="beta")]
    found: list[TimelineEntry] = []
    source = SlotSource(pool, lambda: pool.nodes)
    source.look(found.extend)
    source.look(found.extend)
    assert [entry.kind for entry in found] == ["slot", "missing"]
    assert found[1].node == "beta-execute-1"
    assert found[1].text.endswith(
        "it has joined from beta. Record them there: condor-mini record -n beta DIR"
    )
