"""Which runtime's programs the embedded engine uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.tar_writer import TarWriter
from condor_mini.engine import EmbeddedEngine, ImageTree

if TYPE_CHECKING:
    from pathlib import Path


def test_tools_follow_the_runtime_of_an_image(tmp_path: Path) -> None:
    """Once an image has been composed of a newer runtime, the engine uses that one's programs."""
    there = [tmp_path / "old"]
    engine = EmbeddedEngine(lambda: there[-1], directory=tmp_path / "engine")
    assert engine.tools.root == tmp_path / "old"
    there.append(tmp_path / "new")
    assert engine.tools.root == tmp_path / "old"
    engine.compose("it", ImageTree(archive=TarWriter().finish(), shared={}), labels={})
    assert engine.tools.root == tmp_path / "new"
