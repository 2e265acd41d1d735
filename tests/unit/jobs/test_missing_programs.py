"""What to type if a job lacks a program that this machine has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import JobFailed, UsageError
from condor_mini.engine import ContainerSpec, ImageComposer
from condor_mini.jobs import missing_programs
from condor_mini.jobs.missing_programs import advice, missing_program
from condor_mini.jobs.submit import submit_file
from condor_mini.nodes.node import OWN_IMAGE
from hand_made import node_labels, tokens_mount

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.nodes.node import Node
    from condor_mini.pool import Pool
    from fake_queue import Queue

ENV = "env: 'python3': No such file or directory"
NO_EXECUTABLE = "ERROR: Can't access executable file /opt/x/python3: No such file or directory"
HELD = (
    "Error from slot1_1@mini: Failed to execute '/work/a.py': invalid interpreter "
    "({}) specified on first line of script (errno=2: 'No such file or directory')"
)


@pytest.fixture
def host_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Path of a program ``python3``, the only one that this machine has."""
    program = tmp_path / "bin/python3"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setattr(missing_programs, "_PATH", str(program.parent))
    return str(program)


@pytest.fixture
def composing(monkeypatch: pytest.MonkeyPatch, node: Node) -> None:
    """The pool's engine composes images, as the embedded engine does."""
    monkeypatch.setattr(missing_programs, "ImageComposer", type(node.engine))


@pytest.mark.parametrize(
    ("text", "program"),
    [
        (ENV, "python3"),
        ("env: \u2018perl\u2019: No such file or directory", "perl"),
        ("/work/w.sh: line 3: python3: command not found", "python3"),
        ("/bin/sh: 1: python3: not found", "python3"),
        ("/scratch/condor_exec.exe: 2: python3: not found", "python3"),
        ("w.sh: ./x.pl: /usr/bin/perl: bad interpreter: No such file", "/usr/bin/perl"),
        (HELD.format("/usr/bin/python3"), "/usr/bin/python3"),
        (
            "Failed to execute '/usr/bin/python3' with arguments -V: (errno=2: 'No such file...')",
            "/usr/bin/python3",
        ),
        (NO_EXECUTABLE, "/opt/x/python3"),
        ("ERROR: Executable file /opt/x/python3 does not exist", "/opt/x/python3"),
        ("Traceback (most recent call last):\nFileNotFoundError: [Errno 2]", None),
        ("cat: notes.txt: No such file or directory", None),
        ("Failed to execute '/bin/x': (errno=13: 'Permission denied')", None),
    ],
)
def test_program_that_a_message_names(text: str, program: str | None) -> None:
    """The messages of HTCondor and of the shells name the program."""
    assert missing_program(text) == program


@pytest.mark.usefixtures("composing", "host_python")
def test_program_of_this_machine(node: Node) -> None:
    """The advice names the program and the option that shows it to jobs."""
    text = advice(node, ENV)
    assert text is not None
    assert "no python3" in text
    assert "condor-mini create -n mini --host-files ro" in text


@pytest.mark.usefixtures("composing")
def test_interpreter_of_this_machine(node: Node, host_python: str) -> None:
    """A path is looked up as it stands."""
    assert advice(node, HELD.format(host_python)) is not None
    assert advice(node, HELD.format("/opt/no/python3")) is None


@pytest.mark.usefixtures("composing", "host_python")
def test_program_that_this_machine_lacks_too(node: Node) -> None:
    """The host's files would not help."""
    assert advice(node, "env: 'perl': No such file or directory") is None


@pytest.mark.usefixtures("host_python")
def test_other_engines(node: Node) -> None:
    """Docker and Podman cannot show the host's files."""
    assert not isinstance(node.engine, ImageComposer)
    assert advice(node, ENV) is None


@pytest.mark.usefixtures("composing", "host_python")
def test_image_of_the_users_own(queue: Queue, node: Node) -> None:
    """Execution points with an image of the user's own, or with the host's files, have none."""
    queue.engine.create(
        ContainerSpec(
            image="it",
            name="mini-execute-2",
            labels=node_labels("mini", "execute", 2) | {OWN_IMAGE: "host-files"},
            mounts=(tokens_mount("mini", "execute", 2),),
        )
    )
    assert advice(node, ENV) is None


@pytest.mark.usefixtures("composing")
def test_held_job_of_submit(queue: Queue, pool: Pool, host_python: str, here: Path) -> None:
    """The error of a held job has the advice, and what to do about the job."""
    submission = submit_file(pool, here / "a.sub")
    queue.queued = [queue.job(JobStatus=5, HoldReason=HELD.format(host_python))]
    with pytest.raises(JobFailed) as held:
        submission.wait(timeout_s=1)
    assert "--host-files ro" in str(held.value.hint)
    assert "condor_release" in str(held.value.hint)


@pytest.mark.usefixtures("composing")
def test_executable_that_condor_submit_misses(
    queue: Queue, pool: Pool, host_python: str, here: Path
) -> None:
    """A submit file whose executable is a program of this machine is answered with the advice."""
    queue.refusal = NO_EXECUTABLE.replace("/opt/x/python3", host_python)
    with pytest.raises(JobFailed) as refused:
        submit_file(pool, here / "a.sub")
    assert "--host-files ro" in str(refused.value.hint)


@pytest.mark.usefixtures("composing")
def test_executable_outside_the_directory(
    queue: Queue, pool: Pool, host_python: str, here: Path
) -> None:
    """An executable that only this machine has is answered with the option, and how to use it."""
    queue.dry_run = f'Dry-Run job(s)\nIwd="{here}"\nCmd="{host_python}"\n.\n\n'
    with pytest.raises(UsageError) as refused:
        submit_file(pool, here / "a.sub")
    assert "--host-files ro" in str(refused.value.hint)
    assert "transfer_executable = false" in str(refused.value.hint)
