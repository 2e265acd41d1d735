"""What only the fake engine does; the rest is in the contract suite, ``tests/engine``."""

from __future__ import annotations

from condor_mini.engine import FakeEngine


def test_fake_engine_has_all_limits() -> None:
    """An engine that says nothing of limits heeds them."""
    assert FakeEngine().info().limits == ("cpus", "memory_mb", "pids")
