"""Pools that are created on an engine in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.nodes.node import pool_nodes
from pool_ci import WHOLE, create, held

if TYPE_CHECKING:
    from pool_engine import PoolEngine


def test_create_makes_all_of_it(pools: PoolEngine) -> None:
    """Afterwards the engine has network, volume, and a running container for every node."""
    create(pools)
    assert held(pools) == WHOLE
    assert all(node.is_running for node in pool_nodes(pools, "ci"))


def test_network_is_the_first_thing_made(pools: PoolEngine) -> None:
    """The name is claimed before anything else is made."""
    create(pools)
    making = {"create_network", "create_volume", "create"}
    made = [call.method for call in pools.calls if call.method in making]
    assert (made[0], made.count("create_network")) == ("create_network", 1)
