"""The pool whose access point has the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.pool import Pool

if TYPE_CHECKING:
    from condor_mini.engine import FakeEngine
    from condor_mini.nodes.node import Node
    from fake_queue import Queue


@pytest.fixture
def engine(queue: Queue) -> FakeEngine:
    """The engine that the pool is on."""
    return queue.engine


@pytest.fixture
def pool(engine: FakeEngine) -> Pool:
    """The pool."""
    return Pool(engine, "mini")


@pytest.fixture
def node(pool: Pool) -> Node:
    """Its access point."""
    return pool.node()
