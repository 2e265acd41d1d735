"""The contract of every engine: attach, from a pipe and from a terminal."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CondorMiniError

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import ContainerSpec, Engine

    AttachByTerminal = Callable[..., tuple[int, str]]

pytestmark = pytest.mark.slow_on("podman")  # the same code as on Docker

CHILD = (sys.executable, str(Path(__file__).parent / "attach_child.py"))


def attach_by_pipe(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Attach with pipes for stdin and stdout."""
    return subprocess.run(
        [*CHILD, *arguments], input=stdin, capture_output=True, text=True, timeout=30, check=False
    )


def test_attach_answers_with_the_status(engine_name: str, box: str) -> None:
    """The status of attach is the command's."""
    assert attach_by_pipe(engine_name, box, "sh", "-c", "exit 5").returncode == 5


@pytest.mark.engines("docker", "podman", "namespaces", "paths")
@pytest.mark.parametrize("number", [2, 9, 15])
def test_killed_command_has_a_shells_status(engine_name: str, box: str, number: int) -> None:
    """The status of a command that a signal ended says which, as a shell's does."""
    ended = attach_by_pipe(engine_name, box, "sh", "-c", f"kill -{number} $$")
    assert ended.returncode == 128 + number


@pytest.mark.engines("docker", "podman", "namespaces", "paths")
def test_interrupt_of_us_alone_ends_the_command(engine_name: str, box: str) -> None:
    """`kill -INT` of the process that is attached is heard by the command, or by its client."""
    argv = [*CHILD, engine_name, box, "sh", "-c", "echo ready; exec sleep 600"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        # Podman's client has a status of its own then.
        assert process.wait(timeout=20) == (1 if engine_name.startswith("podman") else 130)


@pytest.mark.engines("docker", "podman", "namespaces", "paths")
def test_command_ends_with_its_container(
    engine: Engine, engine_name: str, run: Callable[[ContainerSpec], str], spec: ContainerSpec
) -> None:
    """When a container's first process ends, the commands that were run in it are ended."""
    first = ("sh", "-c", "until [ -e /tmp/end ]; do sleep 0.05; done")
    name = run(replace(spec, command=first))
    argv = [*CHILD, engine_name, name, "sh", "-c", "echo ready; exec sleep 600"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with suppress(CondorMiniError):  # it may be ended with the container before it has ended
            engine.exec(name, ["touch", "/tmp/end"])
        assert process.wait(timeout=20) != 0


def test_attach_writes_to_our_stdout(engine_name: str, box: str) -> None:
    """What the command writes comes out of ours."""
    assert attach_by_pipe(engine_name, box, "echo", "hello").stdout == "hello\n"


def test_attach_hands_over_a_pipe(engine_name: str, box: str) -> None:
    """The command reads what is piped into us."""
    assert attach_by_pipe(engine_name, box, "cat", stdin="piped\n").stdout == "piped\n"


def test_attach_by_pipe_has_no_terminal(engine_name: str, box: str) -> None:
    """Without a terminal the command gets none."""
    assert attach_by_pipe(engine_name, box, "tty").returncode == 1


def test_attach_by_terminal_has_one(
    engine_name: str, box: str, attach_by_terminal: AttachByTerminal
) -> None:
    """On a terminal the command gets one."""
    assert attach_by_terminal(engine_name, box, "tty")[0] == 0


def test_attach_with_half_a_terminal_has_none(
    engine_name: str, box: str, attach_by_terminal: AttachByTerminal
) -> None:
    """With stdout alone on a terminal the command gets none."""
    assert attach_by_terminal(engine_name, box, "tty", stdin_is_terminal=False)[0] == 1


def test_attach_to_absent_is_not_found(engine_name: str, name: str) -> None:
    """A container that is not there cannot be attached to."""
    assert attach_by_pipe(engine_name, f"{name}-absent", "true").stdout == "NotFound\n"
