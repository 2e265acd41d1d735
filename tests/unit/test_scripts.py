"""The scripts in the root directory."""

from __future__ import annotations

import re
import subprocess
import tomllib
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


def test_extra_for_development_has_those_of_all_scripts() -> None:
    """Where the tests' environment is, no script makes it again under them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    scripts = "".join((ROOT / name).read_text("utf-8") for name in ("run", "build", "scripts/site"))
    asked = re.findall(r"(?m)^environment (\w+)$", scripts)
    assert asked == ["sbom", "docs"]
    taken = {name for each in extras["dev"] for name in re.findall(r"\w+", each.partition("[")[2])}
    assert [
        name for name in asked if name not in taken and not set(extras[name]) <= set(extras["dev"])
    ] == []
