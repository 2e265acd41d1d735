"""Where examples are typed in."""

from __future__ import annotations

import shlex
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A directory with what the examples expect to find in a clone, and nothing else."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    wrapper(tmp_path / "run", str(ROOT / "run"))
    wrapper(tmp_path / "bin/condor-mini", sys.executable, "-m", "condor_mini")
    wrapper(tmp_path / "bin/python3", sys.executable)
    return tmp_path


def wrapper(path: Path, *argv: str) -> None:
    """Make a program that runs another one with the same arguments."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
    path.chmod(0o755)
