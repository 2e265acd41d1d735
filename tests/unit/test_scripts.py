"""The scripts in the root directory."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("script", "usage"),
    [("run", "condor-mini run"), ("build", "condor-mini build"), ("scripts/site", "scripts/site")],
)
def test_link_to_a_script_works(tmp_path: Path, script: str, usage: str) -> None:
    """A script that is called by a link in another directory finds its own."""
    link = tmp_path / "link"
    link.symlink_to(ROOT / script)
    result = subprocess.run(
        [link, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert f"Usage: {usage}" in result.stdout, result.stderr
