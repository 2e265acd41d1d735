"""Running a command line: the only place where the engine package starts a process and waits."""

from __future__ import annotations

import logging
import os
import re
import selectors
import shlex
import signal
import subprocess
import time
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from condor_mini.engine.protocol import CommandResult
from condor_mini.errors import CommandFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

TAIL_LINES = 40
"""How many lines of a streamed command its error keeps."""

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_READ_SIZE = 65536

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BytesResult:
    """A finished command whose output is not text, or not yet."""

    argv: tuple[str, ...]
    returncode: int
    stdout: bytes
    stderr: bytes

    def text(self) -> CommandResult:
        """The same with its output read as UTF-8; what is not becomes U+FFFD."""
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
    stdin: bytes | None = None,
    check: bool = True,
    merge: bool = False,
) -> BytesResult:
    """``run`` for output that is not text."""
    log.debug("%s", shlex.join(argv))
    # Any exception, Ctrl-C included, makes subprocess.run kill the child before it propagates.
    # Given input, it makes the pipe itself.
    try:
        done: subprocess.CompletedProcess[bytes] = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL if stdin is None else None,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merge else subprocess.PIPE,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise CommandFailed(argv, None, _decoded(late.stderr or late.stdout or b"")) from None
    result = BytesResult(
        argv=tuple(argv),
        returncode=done.returncode,
        stdout=done.stdout,
        stderr=done.stderr or b"",
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
        on_line: Gets each line of stdout and stderr, without its end, colours and progress bars.
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
            for line in _lines(process, deadline):
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


def attach(argv: Sequence[str]) -> int:
    """Run a command on our own stdin, stdout and stderr; its status, as a shell would give it.

    Ctrl-C is the command's. Whatever else ends us while it runs ends it too.
    """
    log.debug("%s", shlex.join(argv))
    interrupted = False
    with subprocess.Popen(argv) as process:
        while True:
            try:
                status = process.wait()
            except KeyboardInterrupt:
                interrupted = True
                # A terminal sent it to the child as well; `kill -INT` did not.
                process.send_signal(signal.SIGINT)
                continue
            except BaseException:
                process.terminate()
                raise
            if interrupted and status == 0:
                # Docker's client, interrupted, ends with 0; the command has not ended well.
                status = -signal.SIGINT
            return status if status >= 0 else 128 - status


def _lines(process: subprocess.Popen[bytes], deadline: float) -> Iterator[str]:
    """The lines of its output, until it closes them; raises ``TimeoutExpired`` at the deadline."""
    pipe: IO[bytes] | None = process.stdout
    assert pipe is not None  # noqa: S101 - it was started with a pipe
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        # Waiting on the pipe with a deadline, and not for its end after a kill: a grandchild, such
        # as a builder's plugin, may hold it open for ever.
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not selector.select(left_s):
                raise subprocess.TimeoutExpired(process.args, 0)
            chunk = os.read(pipe.fileno(), _READ_SIZE)
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            yield from map(_plain, lines)
    if rest:
        yield _plain(rest)


def _plain(line: bytes) -> str:
    """A line without colours, and of a progress bar only its last state."""
    text = _ESCAPE_SEQUENCE.sub("", _decoded(line))
    return text.rstrip("\r").rpartition("\r")[2]


def _decoded(output: bytes) -> str:
    return output.decode("utf-8", errors="replace")
