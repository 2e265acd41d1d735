"""The scripts in the root directory."""

from __future__ import annotations

import os
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


def test_environment_that_cannot_be_made(tmp_path: Path) -> None:
    """The script says so and ends, and so does what runs meanwhile."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\n')
    (tmp_path / "src").mkdir()
    (tmp_path / "src/waits.py").write_text(
        "import pathlib, signal\npathlib.Path('began').touch()\nsignal.pause()\n"
    )
    script = f"root={tmp_path}; . {ROOT}/scripts/environment.sh; environment '' waits; echo made"
    result = subprocess.run(
        ["sh", "-euc", script],
        cwd=tmp_path,
        env={
            **os.environ,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": "",
            "PIP_CONFIG_FILE": os.devnull,
        },
        capture_output=True,  # also waits until everything that may write here has ended
        text=True,
        check=False,
        timeout=120,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert "The Python environment could not be made" in result.stderr
    assert (tmp_path / "began").exists()
    assert not list(tmp_path.glob(".venv/made-for*"))


def test_an_environment_that_is_made_asks_its_own_python(tmp_path: Path) -> None:
    """What is called python3 on PATH may be slow to answer, and need not be there any more."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\n')
    own = tmp_path / ".venv/bin/python"
    own.parent.mkdir(parents=True)
    own.write_text("#!/bin/sh\necho Python 3.11.7\n")
    own.chmod(0o755)
    other = tmp_path / "path/python3"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\ntouch asked\n")
    other.chmod(0o755)

    def environment(before: str = "") -> str:
        script = (
            f"root={tmp_path}; . {ROOT}/scripts/environment.sh; {before} environment; echo made"
        )
        return subprocess.run(
            ["sh", "-euc", script],
            cwd=tmp_path,
            env={"PATH": f"{other.parent}:/usr/bin:/bin", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        ).stdout

    mark = f"venv={tmp_path}/.venv bin={tmp_path}/.venv/bin; described >{tmp_path}/.venv/made-for;"
    assert (environment(mark), (tmp_path / "asked").exists()) == ("made\n", False)
    own.write_text("#!/bin/sh\necho Python 3.12.1\n")
    environment()
    assert (tmp_path / "asked").exists(), "another Python needs another environment"
