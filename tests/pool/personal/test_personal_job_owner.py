"""Whose a job's results are: root's and an ordinary user's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from ..people import Person

    Done = subprocess.CompletedProcess[str]

pytestmark = pytest.mark.every_engine


def test_job_is_the_callers(submit: Callable[..., Done], kept: Path, person: Person) -> None:
    """The output file is owned by the caller."""
    submit("true", "output = owned")
    status = (kept / "owned").stat()
    assert (status.st_uid, status.st_gid) == (person.uid, person.gid)


@pytest.mark.skipif(
    os.environ.get("CONDOR_MINI_SANDBOX") == "paths", reason="root keeps rights over files there"
)
def test_job_has_no_privileges(submit: Callable[..., Done]) -> None:
    """A job has no capability."""
    done = submit("grep -h CapEff /proc/self/status", "output = caps")
    assert "CapEff:\t0000000000000000\n" in done.stdout


def test_submit_file_in_a_folder(
    person: Person, kept: Path, write_job: Callable[..., Path]
) -> None:
    """A submit file in a folder is submitted in that folder."""
    (kept / "sub").mkdir(exist_ok=True)
    os.chown(kept / "sub", person.uid, person.gid)
    write_job(person, kept / "sub", "true", "output = here")
    person.run("run", "--keep", "--submit", "sub/job.sub", cwd=kept)
    assert (kept / "sub" / "here").is_file()


@pytest.mark.slow_on("docker")
def test_hello_example(person: Person, directory: Path) -> None:
    """The example greets three times, and ends with success."""
    for file in (Path(__file__).parents[3] / "examples" / "hello").iterdir():
        (directory / file.name).write_bytes(file.read_bytes())
        (directory / file.name).chmod(0o755)
    done = person.run("run", "--submit", "hello.sub", cwd=directory)
    assert (done.returncode, done.stdout.count("Hello from job")) == (0, 3)
