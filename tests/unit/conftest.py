"""A pool that is a record in memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from condor_mini import images
from condor_mini.caller import IMAGE_UID
from condor_mini.engine import FakeEngine, FakeOutcome

if TYPE_CHECKING:
    from pathlib import Path

HEALTH = "/usr/local/libexec/condor-mini/health"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeEngine:
    """An engine of a healthy pool, with every image, for an ordinary user in an empty directory."""
    engine = FakeEngine()
    engine.on_exec([HEALTH], lambda _: FakeOutcome())
    engine.add_image("condor-mini:25")
    monkeypatch.setattr(images, "ensure", lambda *_: "condor-mini:25")
    for module in ("run", "build"):
        monkeypatch.setattr(f"condor_mini.cli.{module}.reach_engine", lambda *_: engine)
    monkeypatch.setattr(os, "getuid", lambda: IMAGE_UID)
    monkeypatch.setattr(os, "getgid", lambda: IMAGE_UID)
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return engine
