"""Limits and read-only roots that an engine cannot give are refused before anything is created."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.base.progress import Progress
from condor_mini.lifecycle import creation
from pool_ci import held, spec_of

if TYPE_CHECKING:
    from pool_engine import PoolEngine


@pytest.mark.parametrize(
    ("limit", "limits"),
    [
        ({"cpus": 1.0}, ("memory_mb",)),
        ({"memory": "512MiB"}, ("cpus",)),
        ({"processes": 100}, ("cpus", "memory_mb")),
    ],
)
def test_limit_that_would_not_hold_is_refused(
    pools: PoolEngine,
    monkeypatch: pytest.MonkeyPatch,
    limit: dict[str, object],
    limits: tuple[str, ...],
) -> None:
    """A limit that the engine would ignore is refused before anything is created."""
    info = replace(pools.info(), limits=limits)
    monkeypatch.setattr(pools, "info", lambda: info)
    spec = spec_of(central_manager={"limit": limit})
    with pytest.raises(EngineCapabilityError, match="nothing would come of `limit: "):
        creation.create(pools, spec, Progress(), timeout_s=5)
    assert held(pools) == []


def test_limit_that_holds_is_no_matter(pools: PoolEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that the engine enforces is no obstacle."""
    info = replace(pools.info(), limits=("cpus",))
    monkeypatch.setattr(pools, "info", lambda: info)
    spec = spec_of(central_manager={"limit": {"cpus": 1.0}})
    creation.create(pools, spec, Progress(), timeout_s=5)
    assert held(pools) != []


def test_read_only_that_nothing_would_come_of_is_refused(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool file that asks for it explicitly is refused, and nothing is created."""
    info = replace(pools.info(), read_only_roots=False)
    monkeypatch.setattr(pools, "info", lambda: info)
    spec = spec_of(central_manager={"read_only": True})
    with pytest.raises(EngineCapabilityError, match="`read_only: true` has no effect on"):
        creation.create(pools, spec, Progress(), timeout_s=5)
    assert (pools.containers({}), pools.networks({})) == ([], [])
