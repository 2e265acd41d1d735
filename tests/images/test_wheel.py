"""What a user gets from the package index: no repository, no scripts, an empty directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from condor_mini.engine import Engine

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src/condor_mini/dashboard/static"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """condor-mini, installed from the built wheel into an environment of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True, timeout=240
    )
    (wheel,) = folder.glob("condor_mini-*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True, timeout=120)
    python = folder / "venv/bin/python"
    subprocess.run([str(python), "-m", "pip", "--quiet", "install", str(wheel)], check=True)
    return folder / "venv/bin/condor-mini"


@pytest.mark.slow
def test_build_from_a_wheel(docker: Engine, program: Path, tmp_path: Path) -> None:
    """`condor-mini build` has all it needs, and finds the same images as the checkout built."""
    del docker
    result = subprocess.run(
        [str(program), "build"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert [line.split()[-3:] for line in result.stdout.splitlines()] == [["up", "to", "date"]] * 5


@pytest.mark.slow
def test_run_from_a_wheel(docker: Engine, program: Path, tmp_path: Path) -> None:
    """`condor-mini run` in an empty directory starts a pool and runs a command in it."""
    del docker
    result = subprocess.run(
        [str(program), "run", "--", "condor_status", "-af", "State"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.stdout == "Unclaimed\n"


@pytest.mark.slow
def test_dashboard_from_a_wheel(program: Path, tmp_path: Path) -> None:
    """The wheel has the page's files; without the extra, the command says how to install it."""
    result = subprocess.run(
        [str(program), "dashboard"], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert (result.returncode, "pip install sse-starlette starlette uvicorn" in result.stderr) == (
        3,
        True,
    )
    (static,) = program.parents[1].glob("lib/python*/site-packages/condor_mini/dashboard/static")
    ours = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file()}
    assert {path.relative_to(static).as_posix() for path in static.rglob("*")} >= ours


@pytest.mark.slow
def test_lessons_from_a_wheel(program: Path, tmp_path: Path) -> None:
    """The wheel has the page and the files of each lesson; a script can be executed."""
    argv = [str(program), "lesson"]
    listed = subprocess.run(
        [*argv, "list", "-o", "json"], check=True, capture_output=True, text=True, timeout=60
    )
    names = [lesson["name"] for lesson in json.loads(listed.stdout)]
    for name in names:
        subprocess.run([*argv, "start", name], cwd=tmp_path, check=True, timeout=60)
    assert {path.parent.name for path in tmp_path.glob("*/LESSON.md")} == set(names)
    assert os.access(tmp_path / "many-jobs/square.sh", os.X_OK)
