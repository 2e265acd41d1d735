"""Record what a shell shows in which a script is typed."""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from website.cast import Cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from website.script import Script, Step

COLUMNS, LINES = 96, 26
STEP_TIMEOUT_S = 90.0
HIDDEN_TIMEOUT_S = 120.0
MOST_SHOWN = 3000
_SHELL = ("setsid", "--ctty", "bash", "--noprofile", "--norc", "-i")
"""In a session of its own, whose terminal it has: for job control and Ctrl-C."""
_ENDED = re.compile(r"\x1b\]133;D;(\d+)\x07")
"""What the shell writes before each prompt, with the status: terminals show nothing of it."""
_PROMPT_COMMAND = r"printf '\e]133;D;%d\a' $?"
_INSIDE = re.compile(r"jovyan@[\w.-]+:\S*\$ $")
"""The prompt of a shell on a node."""


class RecordingFailed(Exception):
    """A command of a recording ended otherwise than its script says, or did not end."""


def record(script: Script, folder: Path, environment: Mapping[str, str]) -> Cast:
    """Return the recording of a script, every command of which is run.

    Args:
        script: What is typed.
        folder: Directory of the commands.
        environment: Their variables.

    Raises:
        RecordingFailed: A command ended with another status, or not in time; says which.
    """
    try:
        for command in script.before:
            _run(script, command, folder, environment)
        with _Terminal(script, folder, environment) as terminal:
            for step in script.steps:
                terminal.perform(step)
            return terminal.cast
    finally:
        for command in script.after:
            _run(script, command, folder, environment)


def _run(script: Script, command: str, folder: Path, environment: Mapping[str, str]) -> None:
    result = subprocess.run(
        ["bash", "-euc", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HIDDEN_TIMEOUT_S,
        check=False,
    )
    if result.returncode:
        output = (result.stdout + result.stderr)[-MOST_SHOWN:]
        raise RecordingFailed(
            f"recording {script.name}: {command} ended with {result.returncode}:\n{output}"
        )


class _Terminal:
    """A shell on a terminal, and the recording of what it shows; a context ends the shell."""

    def __init__(self, script: Script, folder: Path, environment: Mapping[str, str]) -> None:
        self.cast = Cast(columns=COLUMNS, lines=LINES, title=script.title)
        self._script = script
        self._folder = folder
        self._environment = {
            **environment,
            "TERM": "xterm-256color",
            "PS1": "$ ",
            "PROMPT_COMMAND": _PROMPT_COMMAND,
            "HISTFILE": "",
            # Without: the shell asks the terminal for a mode with marks around what is pasted.
            "INPUTRC": str(folder / "inputrc"),
        }
        for name in ("CI", "COLUMNS", "LINES", "NO_COLOR"):
            self._environment.pop(name, None)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._shown = ""
        """What has been shown since something was typed."""

    def __enter__(self) -> Self:
        (self._folder / "inputrc").write_text("set enable-bracketed-paste off\n")
        self._terminal, inside = os.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            _SHELL,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env=self._environment,
            cwd=self._folder,
        )
        os.close(inside)
        self._until(lambda text: text.endswith("$ "), "the prompt")
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGHUP)
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def perform(self, step: Step) -> None:
        """Type a command and what goes into it, and wait until it has ended."""
        self._type(step.command)
        for text in step.inside:
            self._until(lambda shown: _INSIDE.search(shown) is not None, step.command)
            self._type(text)
        shown = self._until(lambda shown: bool(_ENDED.search(shown)), step.command)
        self._until(lambda text: text.endswith("$ "), "the prompt")
        match = _ENDED.search(shown)
        assert match is not None
        if int(match[1]) != step.status:
            raise self._failed(f"{step.command} ended with {match[1]}, and not {step.status}")
        self.cast.pause()

    def _type(self, text: str) -> None:
        """Type a line. Its echo is shown key by key."""
        self._shown = ""
        os.write(self._terminal, text.encode())
        self._until(lambda shown: shown == text, f"the echo of {text}", is_typed=True)
        self.cast.type(text)
        self._shown = ""
        os.write(self._terminal, b"\r")

    def _until(self, is_enough: Callable[[str], bool], what: str, *, is_typed: bool = False) -> str:
        """Read until there is enough, and return what has been shown since something was typed.

        Args:
            is_enough: Whether what has been shown is enough.
            what: What is waited for, for the error.
            is_typed: Whether it is an echo, which is recorded when it is complete.
        """
        deadline = time.monotonic() + STEP_TIMEOUT_S
        while not is_enough(self._shown):
            ready, _, _ = select.select([self._terminal], [], [], deadline - time.monotonic())
            if not ready:
                raise self._failed(f"{what}: not there after {STEP_TIMEOUT_S:.0f} s")
            try:
                text = self._decoder.decode(os.read(self._terminal, 65536))
            except OSError:  # how a terminal reports that nobody has it open any more
                raise self._failed(f"{what}: the shell has ended") from None
            self._shown += text
            if not is_typed:
                self.cast.write(_ENDED.sub("", text))
        return self._shown

    def _failed(self, message: str) -> RecordingFailed:
        return RecordingFailed(
            f"recording {self._script.name}: {message}. It showed:\n{self._shown[-MOST_SHOWN:]}"
        )
