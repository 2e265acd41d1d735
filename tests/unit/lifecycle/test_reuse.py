"""A pool that is used where there is one already: `create --if-not-exists`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound
from condor_mini.lifecycle import claim, creation
from condor_mini.nodes.node import pool_nodes
from condor_mini.pool import Pool
from pool_ci import WHOLE, create, held, spec_of

if TYPE_CHECKING:
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


def test_if_not_exists_waits_for_who_is_making_it(pools: PoolEngine) -> None:
    """A node that was made and not started is another process's: it is waited for."""
    create(pools)
    spec = pools.spec("ci-execute-2")
    pools.remove("ci-execute-2")
    waited = threading.Event()

    def meanwhile() -> None:
        if not waited.is_set():
            waited.set()
            pools.start(pools.create(spec))

    pools.before["containers"] = meanwhile
    creation.wait_until_created(pools, "ci", timeout_s=5)
    assert waited.is_set()


def test_if_not_exists_takes_a_pool_that_was_scaled_down(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool that lacks a node for good is there when nothing has changed for a while."""
    monkeypatch.setattr(creation, "QUIET_S", 0.1)
    create(pools)
    pools.remove("ci-execute-2")
    creation.wait_until_created(pools, "ci", timeout_s=5)
    assert "ci-execute-2" not in held(pools)


def test_if_not_exists_says_that_the_maker_failed(pools: PoolEngine) -> None:
    """A pool that vanishes during the wait is an error at once."""
    with pytest.raises(NotFound, match="was removed while it was being made"):
        creation.wait_until_created(pools, "ci", timeout_s=5)


def test_if_not_exists_creates_what_is_absent(pools: PoolEngine) -> None:
    """With ``if_not_exists`` a pool that is not there is made."""
    Pool.create(spec=spec_of(), engine=pools, if_not_exists=True)
    assert held(pools) == WHOLE
