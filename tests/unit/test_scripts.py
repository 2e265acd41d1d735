"""The scripts in the root directory."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("script", ["run", "build"])
def test_link_to_a_script_works(tmp_path: Path, script: str) -> None:
    """A script that is called by a link in another directory finds its own."""
    link = tmp_path / script
    link.symlink_to(ROOT / script)
    result = subprocess.run(
        [link, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert f"Usage: condor-mini {script}" in result.stdout, result.stderr
