"""Runs command lines: the only place where the engine package starts a process and waits."""

from __future__ import annotations

import logging
import os
import re
import selectors
import shlex
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from condor_mini.base.errors import CommandFailed
from condor_mini.base.signals import held_back
from condor_mini.engine.values import CommandResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import BinaryIO

TAIL_LINES = 40
"""How many lines of a streamed command its error keeps."""

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_READ_SIZE = 65536
_END_TIMEOUT_S = 5.0
_INTERRUPTED = {-signal.SIGINT, 128 + signal.SIGINT}

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BytesResult:
    """A finished command; its output is bytes."""

    argv: tuple[str, ...]
    returncode: int
    stdout: bytes
    stderr: bytes

    def text(self) -> CommandResult:
        """Return the result with its output as UTF-8; anything else becomes U+FFFD."""
        return CommandResult(
            argv=self.argv,
            returncode=self.returncode,
            stdout=_decoded(self.stdout),
            stderr=_decoded(self.stderr),
        )


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    stdin: bytes | None = None,
    check: bool = True,
    merge: bool = False,
) -> CommandResult:
    """Run a command to its end.

    Args:
        argv: The command and its arguments.
        timeout_s: Deadline in seconds, after which it is killed.
        stdin: What it reads; None for nothing.
        check: Whether a status other than 0 is an error.
        merge: Whether its stderr goes where its stdout goes, in the order of writing.

    Raises:
        CommandFailed: It did not end in time, or ``check`` and its status is not 0.
        FileNotFoundError: There is no such command.
    """
    return run_bytes(argv, timeout_s=timeout_s, stdin=stdin, check=check, merge=merge).text()


def run_bytes(
    argv: Sequence[str],
    *,
    timeout_s: float,
    stdin: bytes | BinaryIO | None = None,
    stdout: BinaryIO | None = None,
    check: bool = True,
    merge: bool = False,
    environment: Mapping[str, str] | None = None,
    end: Callable[[int], None] = lambda _: None,
    umask: int = -1,
) -> BytesResult:
    """Run a command whose output is not text, or is large; see ``run``.

    All that the command has started is ended with it. ``environment`` and ``umask`` replace ours,
    unless ``umask`` is -1. ``end`` is called with the process's number before it is killed, at the
    deadline or because we are being ended.
    """
    log.debug("%s", shlex.join(argv))
    given = stdin if isinstance(stdin, bytes) else None
    source = subprocess.DEVNULL if stdin is None else None
    if stdin is not None and not isinstance(stdin, bytes):
        source = _descriptor(stdin)
    if given is not None:
        source = subprocess.PIPE
    with subprocess.Popen(
        argv,
        stdin=source,
        stdout=subprocess.PIPE if stdout is None else _descriptor(stdout),
        stderr=subprocess.STDOUT if merge else subprocess.PIPE,
        env=environment,
        umask=umask,
        # A terminal's Ctrl-C is for us alone: a client that gets it too (Docker's, since 26) ends
        # before it knows what the engine still creates.
        process_group=0,
    ) as process:
        try:
            out, err = process.communicate(given, timeout=timeout_s)
        except BaseException as stopped:
            end(process.pid)
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(stopped, subprocess.TimeoutExpired):
                output = stopped.stderr or stopped.stdout or b""
                raise CommandFailed(argv, None, _decoded(output)) from None
            raise
    result = BytesResult(
        argv=tuple(argv), returncode=process.returncode, stdout=out or b"", stderr=err or b""
    )
    if check and result.returncode != 0:
        raise CommandFailed(argv, result.returncode, _decoded(result.stderr or result.stdout))
    return result


def stream(
    argv: Sequence[str],
    on_line: Callable[[str], None],
    *,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a command to its end, handing over each line of its output as it comes.

    Args:
        argv: The command and its arguments.
        on_line: Called with each line of stdout and stderr, without line end, colours and progress
            bars.
        timeout_s: Deadline in seconds, after which it is killed.
        environment: Variables on top of our own.

    Raises:
        CommandFailed: It did not end in time or with a status other than 0; holds the last lines.
        FileNotFoundError: There is no such command.
    """
    log.debug("%s", shlex.join(argv))
    deadline = time.monotonic() + timeout_s
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **(environment or {})},
    ) as process:
        try:
            for line in _lines_until(process, deadline):
                tail.append(line)
                on_line(line)
            status = process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            raise CommandFailed(argv, None, "\n".join(tail)) from None
        except BaseException:
            process.kill()
            raise
    if status != 0:
        raise CommandFailed(argv, status, "\n".join(tail))


@contextmanager
def follow(argv: Sequence[str]) -> Iterator[Iterator[str]]:
    """Run a command for as long as the context lasts; yield the lines of its output.

    stdout and stderr come in the order of writing. Leaving the context ends the iteration, also
    one that another thread is in.

    Raises:
        CommandFailed: By the iteration, at its end: the command's status was not 0.
        FileNotFoundError: There is no such command.
    """
    log.debug("%s", shlex.join(argv))
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        lines = _FollowedLines(argv, process)
        try:
            yield lines
        finally:
            lines.end()


class _FollowedLines(Iterator[str]):
    """The lines of a process, to be read by one thread and ended by any."""

    def __init__(self, argv: Sequence[str], process: subprocess.Popen[bytes]) -> None:
        self._argv = argv
        self._process = process
        self._pipe = _pipe_of(process)
        self._ended = False
        self._reading = threading.Lock()
        # A grandchild may hold the pipe open after a kill: waiting for its end may take for ever.
        self._woken, self._wake = os.pipe()
        self._lines = _split(self._read)
        self._last = ""

    def __next__(self) -> str:
        with self._reading:
            line = None if self._ended else next(self._lines, None)
            if self._ended:
                raise StopIteration
            if line is not None:
                self._last = _decoded(line)
                return self._last
            status = self._process.wait()
        # Ctrl-C on our terminal reaches the command too: this is no failure of it.
        if status == 0 or status in _INTERRUPTED or self._ended:
            raise StopIteration
        raise CommandFailed(self._argv, status, self._last)

    def end(self) -> None:
        """End the process, and the iteration wherever it is."""
        self._ended = True
        self._process.kill()
        os.close(self._wake)
        with self._reading:
            os.close(self._woken)

    def _read(self) -> bytes:
        with selectors.DefaultSelector() as selector:
            selector.register(self._pipe, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            selector.select()
        return b"" if self._ended else os.read(self._pipe.fileno(), _READ_SIZE)


def attach(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    send: Callable[[int, int], None] = os.kill,
) -> int:
    """Run a command on our own stdin, stdout and stderr; return its status, as a shell does.

    Ctrl-C goes to the command, as does an interrupt of us alone if there is no terminal. Whatever
    else ends us ends the command too.

    Args:
        argv: The command.
        environment: Its environment, in place of ours.
        send: Sends a signal to the command behind this process, if it does not get it by itself.
    """
    log.debug("%s", shlex.join(argv))
    interrupted = False
    # A signal may come before Popen has returned, while the command is already running.
    with (
        held_back() as held,
        subprocess.Popen(argv, env=environment, preexec_fn=held.unblock) as process,
    ):
        while True:
            try:
                with held.let_through():
                    status = process.wait()
            except KeyboardInterrupt:
                interrupted = True
                # A terminal sends it to the child as well; `kill -INT` does not.
                if process.poll() is None and not _hears_a_terminal():
                    send(process.pid, signal.SIGINT)
                continue
            except BaseException:
                if process.poll() is None:
                    send(process.pid, signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_END_TIMEOUT_S)
                process.kill()
                raise
            if interrupted and status == 0:
                # Docker's client ends with 0 if interrupted; the command has not ended well.
                status = -signal.SIGINT
            return status if status >= 0 else 128 - status


def _hears_a_terminal() -> bool:
    """Return whether a terminal sends its Ctrl-C to our process group."""
    try:
        terminal = os.open(os.ctermid(), os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _lines_until(process: subprocess.Popen[bytes], deadline: float) -> Iterator[str]:
    """Yield the lines of its output; raises ``TimeoutExpired`` at the deadline."""
    pipe = _pipe_of(process)

    # Wait on the pipe with a deadline, not for its end after a kill: a grandchild, such as a
    # builder's plugin, may hold it open for ever.
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)

        def read() -> bytes:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not selector.select(left_s):
                raise subprocess.TimeoutExpired(process.args, 0)
            return os.read(pipe.fileno(), _READ_SIZE)

        yield from map(_plain, _split(read))


def _split(read: Callable[[], bytes]) -> Iterator[bytes]:
    """Yield the lines of what is read in chunks, until a chunk is empty."""
    rest = b""
    while chunk := read():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _pipe_of(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    return process.stdout


def _descriptor(file: BinaryIO) -> int:
    """Return the descriptor that a child gets; it starts where Python has read to."""
    file.flush()
    if file.seekable():
        os.lseek(file.fileno(), file.tell(), os.SEEK_SET)
    return file.fileno()


def rewind(file: BinaryIO, to: int) -> None:
    """Go back in a file whose descriptor a child had: the child has moved it, unknown to Python."""
    file.seek(0, os.SEEK_END)  # this forgets what was read ahead
    file.seek(to)


def _plain(line: bytes) -> str:
    """Return a line without colours, and only the last state of a progress bar."""
    text = _ESCAPE_SEQUENCE.sub("", _decoded(line))
    return text.rstrip("\r").rpartition("\r")[2]


def _decoded(output: bytes) -> str:
    return output.decode("utf-8", errors="replace")
