"""Command lines that are run, with real and small ones."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed
from condor_mini.base.waiting import wait_until
from condor_mini.engine import command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def sh(script: str) -> list[str]:
    """A shell's command line."""
    return ["sh", "-c", script]


def is_gone(pid: int) -> bool:
    """Whether a process has ended, or is about to be forgotten."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_result_holds_all() -> None:
    """A finished command tells its argv, status and both outputs."""
    result = command.run(sh("echo out; echo err >&2"), timeout_s=10)
    assert (result.argv[0], result.returncode, result.stdout, result.stderr) == (
        *("sh", 0, "out\n", "err\n"),
    )


def test_stdin_is_handed_over() -> None:
    """A command reads the bytes that it is given."""
    content = bytes(range(256)) * 1000
    assert command.run_bytes(["cat"], timeout_s=10, stdin=content).stdout == content


def test_stdin_is_empty_where_none_is_given() -> None:
    """A command does not read from our own stdin."""
    assert command.run(["cat"], timeout_s=10).stdout == ""


def test_stdin_may_stay_unread() -> None:
    """A command that does not read what it is given is no error."""
    assert command.run(["true"], timeout_s=10, stdin=b"x" * 1_000_000).returncode == 0


def test_stdin_may_be_a_file() -> None:
    """A command reads a file, from where we stand in it, whatever our buffers hold."""
    with tempfile.TemporaryFile() as file:
        file.write(b"0123456789")
        file.seek(0)
        file.read(1)
        file.seek(4)
        assert command.run_bytes(["cat"], timeout_s=10, stdin=file).stdout == b"456789"


def test_stdout_may_be_a_file() -> None:
    """What a command writes goes to a file, after what we wrote to it ourselves."""
    with tempfile.TemporaryFile() as file:
        file.write(b"ours ")
        result = command.run_bytes(sh("echo theirs; echo err >&2"), timeout_s=10, stdout=file)
        file.seek(0)
        assert (file.read(), result.stdout, result.stderr) == (b"ours theirs\n", b"", b"err\n")


def test_failure_with_stdout_in_a_file_has_the_words(tmp_path: Path) -> None:
    """A command that fails is quoted though its output goes elsewhere."""
    with (tmp_path / "out").open("wb") as file, pytest.raises(CommandFailed, match="oops"):
        command.run_bytes(sh("echo oops >&2; exit 3"), timeout_s=10, stdout=file)


def test_merged_output_is_in_order() -> None:
    """Merged, stderr stands where it was written."""
    result = command.run(sh("echo 1; echo 2 >&2; echo 3"), timeout_s=10, merge=True)
    assert result.stdout == "1\n2\n3\n"


def test_output_that_is_no_text_is_marked() -> None:
    """Bytes that are not UTF-8 do not make a command fail."""
    assert command.run(["printf", r"a\377b"], timeout_s=10).stdout == "a\ufffdb"


def test_failure_is_an_error_with_the_words() -> None:
    """A status other than 0 is an error that holds it, with the command and its stderr."""
    with pytest.raises(CommandFailed) as caught:
        command.run(sh("echo oops >&2; exit 3"), timeout_s=10)
    assert (caught.value.returncode, caught.value.stderr, caught.value.argv[0]) == (
        *(3, "oops\n", "sh"),
    )


def test_failure_without_stderr_shows_stdout() -> None:
    """A command that complains on stdout is heard as well."""
    with pytest.raises(CommandFailed, match="oops"):
        command.run(sh("echo oops; exit 3"), timeout_s=10)


def test_ctrl_c_of_a_terminal_is_not_the_commands() -> None:
    """What a terminal sends to our process group does not reach a command that we wait for."""
    said = command.run(sh("ps -o pgid= -p $$"), timeout_s=10).stdout
    assert int(said) != os.getpgrp()


def test_what_a_command_started_ends_with_it(tmp_path: Path) -> None:
    """At the deadline the whole process group is killed."""
    with pytest.raises(CommandFailed):
        command.run(sh(f"sleep 60 & echo $! >{tmp_path}/pid; wait"), timeout_s=2)
    wait_until(
        lambda: None if is_gone(int((tmp_path / "pid").read_text())) else "it lives on",
        timeout_s=10,
    )


def test_unchecked_failure_is_a_result() -> None:
    """Where nobody checks, a status is a status."""
    assert command.run(["false"], timeout_s=10, check=False).returncode == 1


def test_deadline_is_an_error_without_a_status() -> None:
    """A command that does not end in time has no status."""
    with pytest.raises(CommandFailed) as caught:
        command.run(["sleep", "30"], timeout_s=0.1)
    assert caught.value.returncode is None


def test_deadline_kills(tmp_path: Path) -> None:
    """A command that does not end in time is killed."""
    pid = tmp_path / "pid"
    with pytest.raises(CommandFailed):
        command.run(sh(f"echo $$ > {pid}; exec sleep 30"), timeout_s=2)
    assert is_gone(int(pid.read_text()))


def test_deadline_does_not_wait_for_a_grandchild() -> None:
    """A process that a killed command leaves behind, holding its pipes, is not waited for."""
    began = time.monotonic()
    with pytest.raises(CommandFailed):
        command.run(sh("sleep 5 & sleep 5"), timeout_s=0.2)
    assert time.monotonic() - began < 3


def test_missing_binary_is_file_not_found() -> None:
    """A command that is not there is the caller's to explain."""
    with pytest.raises(FileNotFoundError):
        command.run(["/no/such/command"], timeout_s=10)


def test_argv_is_logged_but_not_stdin(caplog: pytest.LogCaptureFixture) -> None:
    """Each command line is logged, what it reads never."""
    with caplog.at_level(logging.DEBUG, "condor_mini"):
        command.run(["cat", "-", "a b"], timeout_s=10, stdin=b"secret", check=False)
    assert [record.getMessage() for record in caplog.records] == ["cat - 'a b'"]


def test_stream_hands_over_lines_as_they_come(tmp_path: Path) -> None:
    """A line is handed over before the command ends, which waits for that here."""
    gate, seen = tmp_path / "gate", []

    def listener(line: str) -> None:
        seen.append(line)
        gate.touch()

    script = f"echo 1; until [ -e {gate} ]; do sleep 0.05; done; echo 2 >&2"
    command.stream(sh(script), listener, timeout_s=60)
    assert seen == ["1", "2"]


@pytest.mark.parametrize(
    ("output", "lines"),
    [
        (r"a\nb\n", ["a", "b"]),
        (r"a\nb", ["a", "b"]),
        (r"a\n\nb\n", ["a", "", "b"]),
        (r"a\r\nb\r\r\n", ["a", "b"]),
        (r"10%%\r20%%\r30%%\n", ["30%"]),
        (r"\033[91moops\n\033[0mfine\n", ["oops", "fine"]),
        (r"\377\n", ["\ufffd"]),
        ("", []),
    ],
)
def test_streamed_lines_are_plain(output: str, lines: list[str]) -> None:
    """Lines come without their ends and colours, and of a progress bar the last state."""
    seen: list[str] = []
    command.stream(["printf", output], seen.append, timeout_s=10)
    assert seen == lines


def test_stream_gives_variables() -> None:
    """A streamed command has our variables, and the given ones on top."""
    seen: list[str] = []
    command.stream(
        sh('echo $K; test -n "$PATH" && echo yes'),
        seen.append,
        timeout_s=10,
        environment={"K": "v"},
    )
    assert seen == ["v", "yes"]


def test_failed_stream_keeps_the_last_lines() -> None:
    """The error of a streamed command holds its last lines, and its status."""
    with pytest.raises(CommandFailed) as caught:
        command.stream(sh("seq 100; exit 4"), lambda _: None, timeout_s=10)
    lines = [str(number) for number in range(61, 101)]
    assert (caught.value.returncode, caught.value.stderr.split()) == (4, lines)


@pytest.mark.parametrize("script", ["echo 1; exec sleep 30", "exec yes", "sleep 5 & sleep 5"])
def test_stream_ends_at_its_deadline(script: str) -> None:
    """A streamed command that does not end in time is ended, silent or not, alone or not."""
    began = time.monotonic()
    with pytest.raises(CommandFailed) as caught:
        command.stream(sh(script), lambda _: None, timeout_s=0.3)
    assert (caught.value.returncode, time.monotonic() - began < 3) == (None, True)


def test_stream_is_killed_when_the_listener_fails() -> None:
    """A listener that raises ends the command."""
    began = time.monotonic()

    def listener(line: str) -> None:
        raise ValueError(line)

    with pytest.raises(ValueError, match="1"):
        command.stream(sh("echo 1; exec sleep 30"), listener, timeout_s=60)
    assert time.monotonic() - began < 3


def test_followed_lines_come_as_they_are_written() -> None:
    """A line is handed over before the command ends."""
    began = time.monotonic()
    with command.follow(sh("echo 1; echo 2 >&2; exec sleep 30")) as lines:
        seen = [next(lines), next(lines)]
    assert (seen, time.monotonic() - began < 3) == (["1", "2"], True)


@pytest.mark.parametrize(
    ("output", "lines"),
    [
        (r"a\nb\n", ["a", "b"]),
        (r"a\nb", ["a", "b"]),
        (r"\n\n", ["", ""]),
        (r"a\rb\r\n", ["a\rb\r"]),
        (r"\377\303\274\n", ["\ufffdü"]),
        ("", []),
    ],
)
def test_followed_lines_are_as_they_were_written(output: str, lines: list[str]) -> None:
    """Lines come without their ends, and are not changed otherwise."""
    with command.follow(["printf", output]) as followed:
        assert list(followed) == lines


def test_leaving_ends_the_followed_command(tmp_path: Path) -> None:
    """Nothing runs on when the context is left, read or not."""
    pid = tmp_path / "pid"
    with command.follow(sh(f"echo $$ > {pid}; echo 1; exec yes")) as lines:
        next(lines)
    assert is_gone(int(pid.read_text()))


@pytest.mark.parametrize("script", ["exec sleep 30", "sleep 5 & sleep 5"])
def test_leaving_ends_the_iteration_of_another_thread(script: str) -> None:
    """A thread that waits for a line is done at once, also if a grandchild holds the pipe."""
    with command.follow(sh(f"echo 1; {script}")) as lines:
        assert next(lines) == "1"
        seen: list[str] = []
        reader = threading.Thread(target=lambda: seen.extend(lines), daemon=True)
        reader.start()
        time.sleep(0.2)  # so that it waits
        began = time.monotonic()
    reader.join(3)
    assert (reader.is_alive(), seen, time.monotonic() - began < 2) == (False, [], True)


def test_followed_command_may_end_while_nobody_reads() -> None:
    """What a command wrote before its end is still there."""
    with command.follow(sh("echo 1; echo 2")) as lines:
        time.sleep(0.3)
        assert list(lines) == ["1", "2"]


def test_following_leaves_no_descriptor_open() -> None:
    """Whoever follows again and again does not run out of descriptors."""
    before = set(os.listdir("/dev/fd"))  # noqa: PTH208 - the numbers are wanted
    for _ in range(5):
        with command.follow(sh("echo 1; exec sleep 30")) as lines:
            next(lines)
    assert set(os.listdir("/dev/fd")) == before  # noqa: PTH208 - the numbers are wanted


def test_failure_of_a_followed_command_comes_last() -> None:
    """A status other than 0 is an error when all lines have come."""
    seen: list[str] = []
    with pytest.raises(CommandFailed) as caught, command.follow(sh("echo a; exit 4")) as lines:
        seen.extend(lines)
    assert (caught.value.returncode, seen) == (4, ["a"])


def test_interrupted_followed_command_has_not_failed() -> None:
    """Ctrl-C, which a terminal sends to the command as well, ends its lines."""
    with command.follow(sh("echo 1; kill -INT $$; sleep 5")) as lines:
        assert list(lines) == ["1"]


def test_following_a_missing_binary_is_file_not_found() -> None:
    """A command that is not there is the caller's to explain."""
    with pytest.raises(FileNotFoundError), command.follow(["/no/such/command"]):
        pass


SAYS_WHEN_IT_WAITS = """
import subprocess, sys, threading
from condor_mini.engine import command
class Popen(subprocess.Popen):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        threading.Timer(0.2, print, ["waiting"], {"flush": True}).start()
subprocess.Popen = Popen
"""
"""What is interrupted while it starts a command, and not when it waits, cannot know of it yet."""

INTERRUPTED = """
argv = ["sh", "-c", "echo $$ > " + sys.argv[2] + "; exec sleep 30"]
try:
    if sys.argv[1] == "run":
        command.run(argv, timeout_s=60)
    elif sys.argv[1] == "stream":
        command.stream(argv, print, timeout_s=60)
    else:
        with command.follow(argv) as lines:
            list(lines)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("how", ["run", "stream", "follow"])
def test_interrupt_kills_and_propagates(tmp_path: Path, how: str) -> None:
    """Ctrl-C, even where only we get it, ends the command and goes on to our caller."""
    pid = tmp_path / "pid"
    script = SAYS_WHEN_IT_WAITS + INTERRUPTED
    with subprocess.Popen(
        [sys.executable, "-c", script, how, str(pid)], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"waiting\n"
        deadline = time.monotonic() + 10
        while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(child.pid, signal.SIGINT)
        status = child.wait(timeout=10)
    assert (status, is_gone(int(pid.read_text()))) == (130, True)


@pytest.mark.parametrize(("script", "status"), [("exit 7", 7), ("kill -TERM $$", 143)])
def test_attach_answers_as_a_shell_would(script: str, status: int) -> None:
    """The status of an attached command is its own, or 128 and the signal that ended it."""
    assert command.attach(sh(script)) == status


ATTACHED = """
counts = '''
import signal, sys
got = []
signal.signal(signal.SIGINT, lambda *_: (got.append(1), signal.alarm(1)))
signal.signal(signal.SIGALRM, lambda *_: sys.exit(10 + len(got)))
print("ready", flush=True)
while True:
    signal.pause()
'''
sys.exit(command.attach([sys.executable, "-c", counts]))
"""


@contextmanager
def attaching(prefix: list[str], stdin: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is attached to a command which counts its interrupts: its status less ten."""
    with subprocess.Popen(
        [*prefix, sys.executable, "-c", SAYS_WHEN_IT_WAITS + ATTACHED],
        stdin=stdin,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        said = [child.stdout.readline(), child.stdout.readline()]
        assert sorted(said) == [b"ready\n", b"waiting\n"]
        yield child


def test_interrupt_of_attached_is_the_commands() -> None:
    """An interrupt of us alone reaches the command, once, and what it makes of it is our status."""
    with attaching([], stdin=subprocess.DEVNULL) as child:
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=10) == 11


def test_interrupt_while_the_command_starts_is_the_commands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The command runs already when an interrupt comes before ``Popen`` has returned."""
    popen = subprocess.Popen

    def interrupted(
        argv: list[str], *, env: None, preexec_fn: Callable[[], None]
    ) -> subprocess.Popen[bytes]:
        process = popen(argv, env=env, preexec_fn=preexec_fn)
        signal.raise_signal(signal.SIGINT)
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    assert command.attach(["sleep", "60"]) == 130


def test_ctrl_c_while_attached_is_the_commands() -> None:
    """A terminal's Ctrl-C reaches the command, once, and what it makes of it is our status."""
    ours, its = os.openpty()
    try:
        with attaching(["setsid", "--ctty", "--wait"], stdin=its) as child:
            os.write(ours, b"\x03")
            assert child.wait(timeout=10) == 11
    finally:
        os.close(ours)
        os.close(its)
