"""Pools that another process is creating, or whose creation was cut off."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound, PoolNotReady
from condor_mini.lifecycle import claim, unfinished
from condor_mini.nodes.node import pool_labels, pool_nodes
from condor_mini.pool import Pool
from pool_ci import WHOLE, create, held, spec_of

if TYPE_CHECKING:
    from pool_engine import PoolEngine


def test_who_is_at_work_is_waited_for(pools: PoolEngine) -> None:
    """A node that was created and not started may be another process's: it is waited for."""
    create(pools)
    spec = pools.spec("ci-execute-2")
    pools.remove("ci-execute-2")
    pools.create(spec)
    waited = threading.Event()

    def meanwhile() -> None:
        if not waited.is_set():
            waited.set()
            pools.start("ci-execute-2")

    pools.before["containers"] = meanwhile
    unfinished.await_others(pools, "ci", timeout_s=5)
    assert waited.is_set()
    assert all(node.is_running for node in pool_nodes(pools, "ci"))


def test_pool_that_was_scaled_down_is_whole(pools: PoolEngine) -> None:
    """A pool that lacks a node for good is not waited for, and the node does not come back."""
    create(pools)
    pools.remove("ci-execute-2")
    pools.remove_volume("ci-execute-2-tokens", "ci-execute-2-log")
    unfinished.await_others(pools, "ci", timeout_s=0)
    Pool.create(spec=spec_of(), engine=pools, if_not_exists=True)
    assert "ci-execute-2" not in held(pools)


def test_maker_that_failed_is_an_error(pools: PoolEngine) -> None:
    """A pool that vanishes during the wait is an error at once."""
    with pytest.raises(NotFound, match="was removed while it was being made"):
        unfinished.await_others(pools, "ci", timeout_s=5)


def test_maker_that_takes_too_long_is_an_error(pools: PoolEngine) -> None:
    """A process that is still at work at the deadline is named by what it has not done."""
    create(pools)
    spec = pools.spec("ci-execute-2")
    pools.remove("ci-execute-2")
    pools.create(spec)
    with pytest.raises(PoolNotReady, match="these nodes were never started: ci-execute-2"):
        unfinished.await_others(pools, "ci", timeout_s=0)


@pytest.mark.parametrize(
    "left",
    [
        pytest.param([], id="network"),
        pytest.param(["ci-master-log"], id="a-volume-of-the-central-manager"),
        pytest.param(["ci-master-spool", "ci-master-key"], id="two-volumes"),
    ],
)
@pytest.mark.parametrize("command", ["start", "create"])
def test_pool_without_containers_is_finished(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch, left: list[str], command: str
) -> None:
    """A process that was killed in the creation of the first container leaves no container."""
    monkeypatch.setattr(unfinished, "QUIET_S", 0.05)
    monkeypatch.setattr(claim, "CLAIM_TIMEOUT_S", 0.2)
    create(pools)
    (network,) = pools.networks(pool_labels("ci"))
    volumes = {volume.name: volume.labels for volume in pools.volumes({})}
    pools.remove(*(node.name for node in pool_nodes(pools, "ci")))
    pools.remove_volume(*(name for name in volumes if name not in left))
    assert network.name in held(pools)
    if command == "start":
        Pool.open("ci", engine=pools).start()
    else:
        Pool.create(spec=spec_of(), engine=pools, if_not_exists=True)
    assert held(pools) == WHOLE
    assert all(node.is_running for node in pool_nodes(pools, "ci"))


def test_network_alone_says_what_to_type(pools: PoolEngine) -> None:
    """A command on a pool of which only the network exists says how to finish or delete it."""
    create(pools)
    pools.remove(*(node.name for node in pool_nodes(pools, "ci")))
    pools.remove_volume(*(volume.name for volume in pools.volumes({})))
    with pytest.raises(PoolNotReady, match="has no nodes yet") as caught:
        Pool.open("ci", engine=pools).exec(["true"])
    assert "condor-mini start -n ci" in str(caught.value.hint)
