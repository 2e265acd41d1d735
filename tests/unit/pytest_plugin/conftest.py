"""pytest on a directory of tests, with the plugin and an engine in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.engines import Candidate
from condor_mini.jobs import submit
from condor_mini.lifecycle import creation, removal, reuse, stop_and_start
from condor_mini.reports import classads, logs, status
from condor_mini.spec import pool_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import FakeEngine
    from pool_engine import PoolEngine

LOADED = (submit, creation, removal, reuse, stop_and_start, classads, logs, status, pool_file)
"""What pools need. A run inside the tests would import it again each time, and take seconds."""


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeEngine], None]:
    """Let an engine be the only one that is found."""

    def find(engine: FakeEngine) -> None:
        candidate = Candidate(name="fake", binary=None, hint_absent="", make=lambda: engine)
        monkeypatch.setattr("condor_mini.engines.CANDIDATES", (candidate,))

    return find


@pytest.fixture
def found(pools: PoolEngine, find: Callable[[FakeEngine], None]) -> PoolEngine:
    """The engine that the plugin finds; pools can be created on it."""
    find(pools)
    return pools
