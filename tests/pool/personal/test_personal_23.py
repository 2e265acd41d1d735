"""The second series: start, submit, stop."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..people import Person

SERIES = ("run", "-q", "--htcondor", "23")


@pytest.fixture(scope="module", autouse=True)
def image(pool_engine_name: str) -> None:
    """The image of this series, up to date."""
    options = ("--htcondor", "23", "--engine", pool_engine_name)
    argv = [sys.executable, "-m", "condor_mini", "build", "mini", *options]
    built = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr


@pytest.mark.usefixtures("one_caller")
def test_submits(
    person: Person,
    directory: Path,
    write_job: Callable[..., Path],
    leftovers: Callable[[Path], list[str]],
) -> None:
    """A job's output and status are those of HTCondor 23's job, and nothing is left of the pool.

    It has a HOME, and keeps what its environment was given.
    """
    script = "condor_version; echo at $HOME, $GIVEN; exit 3"
    given = """environment = "GIVEN='a b'\""""
    write_job(person, directory, script, "output = out", given)
    done = person.run(*SERIES, "--submit", "job.sub", cwd=directory)
    assert (done.returncode, "$CondorVersion: 23." in done.stdout) == (3, True)
    assert "at /home/jovyan, a b\n" in done.stdout
    assert leftovers(directory) == []


@pytest.mark.pool_engines("docker", reason="no Python is in embedded's pools")
def test_bindings_are_importable(anyone: Person, here: Path) -> None:
    """Both generations of the bindings can be imported."""
    script = "import htcondor, htcondor2, classad, classad2"
    done = anyone.run(*SERIES, "--", "python3", "-c", script, cwd=here)
    assert done.returncode == 0, done.stderr
