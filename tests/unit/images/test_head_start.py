"""What makes a personal pool's image while the Python environment is made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from condor_mini.base.series import catalogue
from condor_mini.cli import run
from condor_mini.engine import FakeEngine
from condor_mini.engines import Candidate
from condor_mini.images import head_start

SOURCE = Path(__file__).parents[3] / "src"
# What is imported late: to make the base image, and an image of the embedded engine.
LATE = "condor_mini.images.composition, condor_mini.engine.embedded, condor_mini.runtime.signature"


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """The only engine that is found. Of all images it has Debian's."""
    engine = FakeEngine()
    candidate = Candidate(name="fake", binary=None, hint_absent="", make=lambda: engine)
    monkeypatch.setattr("condor_mini.engines.CANDIDATES", (candidate,))
    monkeypatch.setattr(engine, "copy_out", lambda *_: b"25.14.1\n")
    engine.add_image(catalogue().base)
    return engine


@pytest.mark.parametrize(
    ("arguments", "image"),
    [
        ([], "condor-mini:25"),
        (["--submit", "hello.sub", "--htcondor=23"], "condor-mini:23"),
        (["--engine", "fake", "--", "ls", "--help"], "condor-mini:25"),
    ],
)
def test_makes_the_image_that_run_needs(
    found: FakeEngine, arguments: list[str], image: str
) -> None:
    """The series and the engine are those that run is given."""
    head_start.main(arguments)
    assert found.image(image) is not None


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--htcondor", "1"], ["--engine", "none"], ["--engine"]]
)
def test_makes_nothing_and_says_nothing(
    found: FakeEngine, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """It is run that shows help and reports mistakes."""
    head_start.main(arguments)
    assert found.image("condor-base:25") is None
    assert capfd.readouterr() == ("", "")


def test_knows_the_options_of_run() -> None:
    """An option has the same names in both places, and takes a value in both or in none."""
    theirs = {frozenset(option.opts): not option.is_flag for option in _options()}
    ours = vars(head_start.parser().parse_args([]))
    values = {name: value is None for name, value in ours.items() if name != "help"}
    assert values == {"engine": True, "htcondor": True, "quiet": False}
    assert theirs[frozenset({"--engine"})]
    assert theirs[frozenset({"--htcondor"})]
    assert not theirs[frozenset({"--quiet", "-q"})]


def _options() -> list[click.Option]:
    return [option for option in run.command.params if isinstance(option, click.Option)]


def test_a_failure_is_left_to_run(found: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command makes the image again, and reports why it cannot."""
    found.remove_image(catalogue().base)
    monkeypatch.setenv("PATH", "/nonexistent")  # no mmdebstrap, no apt-get
    head_start.main([])
    assert found.image("condor-base:25") is None


def test_needs_only_pythons_own_library(tmp_path: Path) -> None:
    """It runs before any package is installed, and ends well where no engine answers."""
    environment = {"PATH": os.defpath, "PYTHONPATH": str(SOURCE), "HOME": str(tmp_path)}
    module = "condor_mini.images.head_start"
    argv = [sys.executable, "-S", "-c", f"import {LATE}, runpy; runpy.run_module('{module}')"]
    subprocess.run(argv, env=environment, check=True, timeout=60)
    argv = [sys.executable, "-S", "-m", module, "--engine", "podman"]
    environment["PATH"] = "/nonexistent"
    result = subprocess.run(
        argv, env=environment, check=True, timeout=60, capture_output=True, text=True
    )
    assert (result.stdout, result.stderr) == ("", "")
