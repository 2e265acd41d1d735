"""A pool that is used where there is one already: `create --if-not-exists`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.lifecycle import claim
from condor_mini.nodes.node import pool_nodes
from condor_mini.pool import Pool
from pool_ci import WHOLE, create, held, spec_of

if TYPE_CHECKING:
    import pytest

    from pool_engine import PoolEngine


def test_if_not_exists_makes_a_kept_pool_anew(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``if_not_exists`` a pool of which only its state is left is started."""
    monkeypatch.setattr(claim, "CLAIM_TIMEOUT_S", 0.2)
    create(pools)
    pools.remove(*(node.info.id for node in pool_nodes(pools, "ci")))
    Pool.create(spec=spec_of(), engine=pools, if_not_exists=True)
    assert held(pools) == WHOLE
    assert "remove_volume" not in [call.method for call in pools.calls]


def test_if_not_exists_creates_what_is_absent(pools: PoolEngine) -> None:
    """With ``if_not_exists`` a pool that is not there is made."""
    Pool.create(spec=spec_of(), engine=pools, if_not_exists=True)
    assert held(pools) == WHOLE
