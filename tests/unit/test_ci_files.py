"""The files for CI services: GitHub's actions, and GitLab's component."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from published_schemas import misfits

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ACTIONS = (ROOT / "action.yml", ROOT / "logs/action.yml")
COMPONENT = ROOT / "templates/condor-mini.yml"


def job() -> dict[str, Any]:
    """The job that the component gives to others."""
    _, body = yaml.safe_load_all(COMPONENT.read_text("utf-8"))
    found: dict[str, Any] = body[".condor-mini"]
    return found


def scripts() -> Iterator[tuple[str, str]]:
    """All scripts, each with a name for the test."""
    for action in ACTIONS:
        for step in yaml.safe_load(action.read_text("utf-8"))["runs"]["steps"]:
            if "run" in step:
                yield step["name"], step["run"]
    yield "before_script", "\n".join(job()["before_script"])
    yield "after_script", "\n".join(job()["after_script"])


SCRIPTS = dict(scripts())


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_action_fits_its_schema(path: Path) -> None:
    """Each action is what GitHub takes for one."""
    assert misfits(path, "vendor.github-actions") == ""


def test_component_fits_its_schema(tmp_path: Path) -> None:
    """What the component adds to a pipeline is what GitLab takes for one."""
    path = tmp_path / "pipeline.yml"
    path.write_text(yaml.safe_dump({".condor-mini": job()}))
    assert misfits(path, "vendor.gitlab-ci") == ""


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_has_no_fault(name: str) -> None:
    """ShellCheck finds nothing in any step."""
    result = subprocess.run(
        [Path(sys.executable).parent / "shellcheck", "--shell", "bash", "-"],
        input=SCRIPTS[name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_has_no_expression(name: str) -> None:
    """No input is part of a script's text: all come in variables."""
    assert "${{" not in SCRIPTS[name]
    assert "$[[" not in SCRIPTS[name]
