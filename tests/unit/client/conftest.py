"""A pool in memory that this machine reaches."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from condor_mini.client import access
from condor_mini.engine import FakeOutcome
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from pool_engine import PoolEngine
    from token_nodes import TokenNodes


@pytest.fixture
def pool(pools: PoolEngine, nodes: TokenNodes, monkeypatch: pytest.MonkeyPatch) -> Pool:
    """The pool ``ci``, whose nodes accept connections."""
    del nodes
    monkeypatch.setattr(access, "connect", lambda _: None)
    ad = {"Name": "ci-submit-1.nodes.internal", "Machine": "ci-submit-1.nodes.internal"}
    pools.on_exec(["condor_status"], lambda _: FakeOutcome(stdout=json.dumps([ad])))
    return Pool(pools, "ci")
