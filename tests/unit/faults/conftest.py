"""A pool in memory whose nodes have processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from struck_nodes import StruckNodes

if TYPE_CHECKING:
    from fake_pool import FakePool


@pytest.fixture
def struck(pool: FakePool) -> StruckNodes:
    """The processes of the nodes of the pool ``ci``."""
    return StruckNodes(engine=pool.engine)
