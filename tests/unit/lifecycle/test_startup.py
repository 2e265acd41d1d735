"""Nodes that start, and those that do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, PoolNotReady
from condor_mini.base.progress import Progress
from condor_mini.engine import FakeOutcome
from condor_mini.lifecycle import creation, startup
from condor_mini.lifecycle.ready import Deadline
from condor_mini.nodes.node import pool_nodes
from condor_mini.nodes.plan import planned_nodes
from pool_ci import WHOLE, create, held, spec_of

if TYPE_CHECKING:
    from condor_mini.spec import PoolSpec
    from pool_engine import PoolEngine

# -- a pool whose execution point has a volume of the pool's own ----------------------------------


@pytest.fixture
def with_volume() -> PoolSpec:
    """Such a pool."""
    return spec_of(access_points=[{}], execution_points=[{"volumes": ["data:/data"]}])


@pytest.mark.parametrize("name", ["ci-submit-1", "ci-execute-1", "ci-execute-2"])
def test_node_has_its_token_before_it_starts(pools: PoolEngine, name: str) -> None:
    """When a node starts, its token and its configuration are there."""
    create(pools)
    assert {"/etc/condor/tokens.d/node", "/etc/condor/config.d/40-pool"} <= pools.at_start[name]


def test_start_that_is_refused_is_tried_again(pools: PoolEngine) -> None:
    """While the loser of a race still has a network of that name, Docker starts nothing."""
    refused = iter(["ambiguous"] * 2)

    def refuse() -> None:
        if next(refused, None):
            raise CommandFailed(["docker", "start"], 1, "it is ambiguous")

    pools.before["start"] = refuse
    create(pools)
    assert held(pools) == WHOLE


def test_start_that_is_refused_for_good_fails(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that is refused for longer is a failure, in the engine's own words."""
    monkeypatch.setattr(startup, "START_PATIENCE_S", 0.1)

    def refuse() -> None:
        raise CommandFailed(["docker", "start"], 1, "it is ambiguous")

    pools.before["start"] = refuse
    with pytest.raises(CommandFailed, match="it is ambiguous"):
        create(pools)


def test_users_can_write_to_volumes(pools: PoolEngine, with_volume: PoolSpec) -> None:
    """Once it runs, a read-only node lets all users write to the pool's volumes, not to its own."""
    creation.create(pools, with_volume, Progress(), timeout_s=5)
    told = [call.argv for call in pools.calls if call.argv[:1] == ("chmod",)]
    assert told == [("chmod", "1777", "/data")]


def test_volume_that_cannot_be_opened_is_told(pools: PoolEngine, with_volume: PoolSpec) -> None:
    """A node that runs, and whose volume stays closed, is a failure."""
    pools.on_exec(["chmod"], lambda _: FakeOutcome(returncode=1, stderr="chmod: no\n"))
    with pytest.raises(CommandFailed, match="chmod: no"):
        creation.create(pools, with_volume, Progress(), timeout_s=5)


def test_node_that_ends_before_its_volume_is_opened(
    pools: PoolEngine, with_volume: PoolSpec
) -> None:
    """If a node has ended already, the error is about its end, not about its volume."""
    pools.die_at_start["ci-execute-1"] = (44, "condor-mini: no such core\n")
    with pytest.raises(PoolNotReady, match="ci-execute-1 has ended with 44"):
        creation.create(pools, with_volume, Progress(), timeout_s=5)


def test_node_that_another_process_has_started_is_left_alone(pools: PoolEngine) -> None:
    """It gets no files a second time: its daemons use them."""
    create(pools)
    before = [call.method for call in pools.calls].count("copy_in")
    startup.start_all(pools, planned_nodes(spec_of()), Deadline(5))
    assert [call.method for call in pools.calls].count("copy_in") == before
    assert all(node.is_running for node in pool_nodes(pools, "ci"))
