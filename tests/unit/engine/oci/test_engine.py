"""What an engine says of itself, with a client that is a script."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from condor_mini.engine import OciEngine
from condor_mini.engine.oci.dialect import DOCKER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def test_each_engine_that_is_named_is_asked_once(
    tmp_path: Path, put_binary: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command needs the answer several times, and each costs a start of the client."""
    facts = {"ServerVersion": "20.10", "NCPU": 2, "MemTotal": 2**30, "Architecture": "x86_64"}
    calls = tmp_path / "calls"
    put_binary("docker", f"echo $DOCKER_HOST >>{calls}; echo '{json.dumps(facts)}'")
    engine = OciEngine(DOCKER)
    monkeypatch.setenv("DOCKER_HOST", "unix:///one")
    assert engine.info() == engine.info()
    monkeypatch.setenv("DOCKER_HOST", "unix:///other")
    assert engine.info().endpoint == "unix:///other"
    assert calls.read_text().split() == ["unix:///one", "unix:///other"]
