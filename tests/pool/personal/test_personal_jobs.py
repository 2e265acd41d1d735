"""``condor-mini run --submit FILE`` on a real engine."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from terminal import OnTerminal

from ..people import TIMEOUT_S, no_executable
from .conftest import WHO

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from ..people import Person

    Done = subprocess.CompletedProcess[str]

pytestmark = pytest.mark.parametrize("person", WHO[:1], indirect=True, scope="session")


@pytest.mark.every_engine
@pytest.mark.parametrize(("script", "status"), [("true", 0), ("exit 3", 3), ("kill -TERM $$", 143)])
def test_status_is_the_jobs(submit: Callable[..., Done], script: str, status: int) -> None:
    """We end with the job's status; with 128 and the number of a signal that ended it."""
    assert submit(script).returncode == status


@pytest.mark.every_engine
def test_outputs_are_shown(submit: Callable[..., Done]) -> None:
    """There is a line for the job, with what it wrote, and its standard error is labelled."""
    done = submit("echo it is done; echo it is odd >&2", "output = out", "error = err")
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"\d+\.0  exit 0  (< 1|\d+) s  out", lines[-4])
    assert lines[-3:] == ["  it is done", "  stderr (err):", "    it is odd"]


def test_jobs_are_shown_while_they_run(
    person: Person, kept: Path, write_job: Callable[..., Path]
) -> None:
    """At a terminal there is a table meanwhile, and a line for each job at the end."""
    write_job(person, kept, "sleep 1; echo it is done", "output = out.$(Process)", queue="queue 2")
    argv = person.argv("run", "--keep", "--submit", "job.sub")
    with OnTerminal(argv=argv, environment=person.environment, cwd=kept, columns=100) as shown:
        shown.reads(r"CLUSTER +IDLE +RUNNING +HELD +DONE +WHERE", timeout_s=TIMEOUT_S)
        running = shown.reads(r"(\d+) +\d +[12] +0 +\d +\S+ \([12]\)", timeout_s=TIMEOUT_S)
        assert shown.ends(timeout_s=TIMEOUT_S) == 0
    for number in range(2):
        assert f"{running[1]}.{number}  exit 0" in shown.text


def test_event_log_is_shown_if_asked_for(submit: Callable[..., Done]) -> None:
    """With --log the job's event log is on stdout, without the events of earlier submissions."""
    first = submit("true", "log = shared")
    second = submit("true", "log = shared", options=("--log",))
    assert "Job terminated." not in first.stdout
    assert second.stdout.count("Job submitted from host") == 1
    assert second.stdout.count("Job terminated.") == 1


@pytest.mark.every_engine
@pytest.mark.slow_on("docker")
def test_many_jobs(submit: Callable[..., Done]) -> None:
    """Of fifty jobs, of which one fails, that one is shown, the others are counted."""
    done = submit("test $(Process) != 44 || exit 9", queue="queue 50")
    failure, others = done.stdout.splitlines()[-2:]
    assert (done.returncode, others) == (9, "49 jobs  exit 0")
    assert re.match(r"\d+\.44  exit 9  ", failure)


@pytest.mark.every_engine
def test_directory_of_its_own(submit: Callable[..., Done], kept: Path, person: Person) -> None:
    """A job's initial directory is where its output is, and it is shown."""
    (kept / "its own").mkdir(exist_ok=True)
    os.chown(kept / "its own", person.uid, person.gid)
    done = submit("echo from afar", "initialdir = its own", "output = out")
    assert (done.stdout.count("from afar"), (kept / "its own" / "out").is_file()) == (1, True)


def test_held_job_is_told_and_removed(
    submit: Callable[..., Done], person: Person, kept: Path
) -> None:
    """A job that is put on hold is a failure, with HTCondor's reason; none stays in the queue."""
    done = submit("sleep 600", "hold = true")
    told = "was put on hold: submitted on hold at user's request" in done.stderr
    assert (done.returncode, told) == (1, True), done.stderr
    queue = person.run("run", "-q", "--keep", "--", "condor_q", "-af", "ClusterId", cwd=kept)
    assert (queue.returncode, queue.stdout) == (0, "")


def test_job_that_is_removed_says_so(submit: Callable[..., Done]) -> None:
    """A job that is removed while we wait is a failure that names the reason."""
    done = submit("sleep 600", "periodic_remove = JobStatus == 2", 'periodic_remove_reason = "why"')
    assert "was removed" in done.stderr


def test_missing_output_line_is_no_error(submit: Callable[..., Done]) -> None:
    """A submit file that names neither output nor log is seen through."""
    assert submit("true").stderr.count("condor-mini:") == 0


def test_condor_submits_own_words(person: Person, kept: Path, write: Callable[..., Path]) -> None:
    """A broken submit file is told in condor_submit's own words, once."""
    write(person, kept / "broken.sub", "executable = no-such.sh\nqueue\n")
    done = person.run("run", "-q", "--keep", "--submit", "broken.sub", cwd=kept)
    assert done.stderr == (
        f"condor-mini: condor_submit broken.sub: {no_executable('no-such.sh')}\n"
    )
