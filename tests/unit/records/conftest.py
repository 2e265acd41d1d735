"""A pool in memory whose access point logs job events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.records import looker
from condor_mini.reports import logs
from recorded_pool import RecordedPool

if TYPE_CHECKING:
    from fake_pool import FakePool


@pytest.fixture
def recorded(pool: FakePool, monkeypatch: pytest.MonkeyPatch) -> RecordedPool:
    """The pool ``ci``; looks follow each other at once."""
    monkeypatch.setattr(looker, "INTERVAL_S", 0.01)
    monkeypatch.setattr(logs, "LOOK_INTERVAL_S", 0.02)
    return RecordedPool(pool=pool)
