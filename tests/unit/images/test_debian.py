"""Programs of the machine that fetch for us, and do not end in time."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import ImageBuildFailed
from condor_mini.base.progress import Progress
from condor_mini.images import builder, debian

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.engine import FakeEngine


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A program that does not end by itself."""
    program = tmp_path / "mmdebstrap"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    return program


def test_a_base_image_that_takes_too_long(
    endless: Path, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror that holds mmdebstrap up makes the build fail, and the message says so."""
    monkeypatch.setattr(debian, "_mmdebstrap", lambda _: str(endless))
    monkeypatch.setattr(debian, "BOOTSTRAP_TIMEOUT_S", 0.2)
    with pytest.raises(ImageBuildFailed, match="did not end in time"):
        debian._bootstrap(fake, "debian:ours", Progress())


def test_a_uv_that_takes_too_long(
    endless: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An index that holds pip up leaves it to the build to fetch uv."""
    monkeypatch.setattr(sys, "executable", str(endless))
    monkeypatch.setattr(builder, "UV_TIMEOUT_S", 0.2)
    builder.fetch_uv(tmp_path, "amd64")
    assert not (tmp_path / "uv").exists()
