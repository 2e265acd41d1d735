"""``condor-mini run --submit FILE`` on a real engine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from .conftest import Person

    Done = subprocess.CompletedProcess[str]


@pytest.fixture
def submit(person: Person, kept: Path, write_job: Callable[..., Path]) -> Callable[..., Done]:
    """Submits a job of this script and these lines in the kept pool, and sees it through."""

    def submit(script: str, *lines: str, queue: str = "queue") -> Done:
        write_job(person, kept, script, *lines, queue=queue)
        return person.run("run", "--keep", "--submit", "job.sub", cwd=kept)

    return submit


@pytest.mark.parametrize(("script", "status"), [("true", 0), ("exit 3", 3), ("kill -TERM $$", 143)])
def test_status_is_the_jobs(submit: Callable[..., Done], script: str, status: int) -> None:
    """We end with the job's status; with 128 and the number of a signal that ended it."""
    assert submit(script).returncode == status


def test_output_is_shown(submit: Callable[..., Done]) -> None:
    """What the job wrote to its output file is on stdout."""
    assert "it is done\n" in submit("echo it is done", "output = out").stdout


def test_error_is_shown_on_stderr(submit: Callable[..., Done]) -> None:
    """What the job wrote to its error file is on stderr."""
    assert "it is odd\n" in submit("echo it is odd >&2", "error = err").stderr


def test_event_log_is_shown(submit: Callable[..., Done]) -> None:
    """The job's event log is on stdout."""
    assert "Job terminated." in submit("true", "log = events").stdout


def test_events_of_other_submissions_are_not_shown(submit: Callable[..., Done]) -> None:
    """Of an event log that an earlier submission used, only the new events are shown."""
    submit("true", "log = shared")
    assert submit("true", "log = shared").stdout.count("Job submitted from host") == 1


def test_job_is_the_callers(submit: Callable[..., Done], kept: Path, person: Person) -> None:
    """The output file is owned by the caller."""
    submit("true", "output = owned")
    status = (kept / "owned").stat()
    assert (status.st_uid, status.st_gid) == (person.uid, person.gid)


def test_job_has_no_privileges(submit: Callable[..., Done]) -> None:
    """A job has no capability."""
    done = submit("grep -h CapEff /proc/self/status", "output = caps")
    assert "CapEff:\t0000000000000000\n" in done.stdout


def test_many_jobs(submit: Callable[..., Done]) -> None:
    """Of fifty jobs, of which one fails, all end, and the failure is the status."""
    done = submit("test $(Process) != 44 || exit 9", queue="queue 50")
    assert done.returncode == 9


def test_more_outputs_than_are_shown_are_told(submit: Callable[..., Done]) -> None:
    """Where not all outputs are shown, we say so."""
    done = submit("echo $(Process)", "output = many.$(Process)", queue="queue 12")
    assert "(2 more jobs: their outputs are in their files)" in done.stderr


def test_directory_of_its_own(submit: Callable[..., Done], kept: Path, person: Person) -> None:
    """A job's initial directory is where its output is, and it is shown."""
    (kept / "its own").mkdir(exist_ok=True)
    os.chown(kept / "its own", person.uid, person.gid)
    done = submit("echo from afar", "initialdir = its own", "output = out")
    assert (done.stdout.count("from afar"), (kept / "its own" / "out").is_file()) == (1, True)


def test_submit_file_in_a_folder(
    person: Person, kept: Path, write_job: Callable[..., Path]
) -> None:
    """A submit file in a folder is submitted in that folder."""
    (kept / "sub").mkdir(exist_ok=True)
    os.chown(kept / "sub", person.uid, person.gid)
    write_job(person, kept / "sub", "true", "output = here")
    person.run("run", "--keep", "--submit", "sub/job.sub", cwd=kept)
    assert (kept / "sub" / "here").is_file()


def test_held_job_tells_its_reason(submit: Callable[..., Done]) -> None:
    """A job that is put on hold ends the wait, with HTCondor's reason."""
    done = submit("sleep 600", "hold = true")
    assert "was put on hold: submitted on hold at user's request" in done.stderr


def test_held_job_is_status_1(submit: Callable[..., Done]) -> None:
    """A job that is put on hold is a failure."""
    assert submit("sleep 600", "hold = true").returncode == 1


def test_held_job_is_removed(submit: Callable[..., Done], person: Person, kept: Path) -> None:
    """Nothing of a submission with a held job stays in the queue."""
    submit("sleep 600", "hold = true")
    queue = person.run("run", "-q", "--keep", "--", "condor_q", "-af", "ClusterId", cwd=kept)
    assert queue.stdout == ""


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
        "condor-mini: condor_submit broken.sub: Can't access executable file no-such.sh: "
        "No such file or directory\n"
    )


def test_hello_example(person: Person, directory: Path) -> None:
    """The example greets three times, and ends with success."""
    for file in (Path(__file__).parents[3] / "examples" / "hello").iterdir():
        (directory / file.name).write_bytes(file.read_bytes())
        (directory / file.name).chmod(0o755)
    done = person.run("run", "--submit", "hello.sub", cwd=directory)
    assert (done.returncode, done.stdout.count("Hello from job")) == (0, 3)
