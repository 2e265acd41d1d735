"""A command on a terminal."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
END_S = 20.0


@dataclass(kw_only=True)
class OnTerminal:
    """A command that has a terminal as stdin, stdout and stderr; a context ends it."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    columns: int = 80
    lines: int = 24
    cwd: Path | None = None
    output: str = ""
    """What it has written, control sequences included."""

    def __enter__(self) -> Self:
        self._terminal, inside = os.openpty()
        size = struct.pack("HHHH", self.lines, self.columns, 0, 0)
        fcntl.ioctl(inside, termios.TIOCSWINSZ, size)
        environment = {**self.environment, "TERM": "xterm"}
        for name in ("CI", "COLUMNS", "LINES"):
            environment.pop(name, None)
        self._process = subprocess.Popen(
            self.argv,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env=environment,
            cwd=self.cwd,
            start_new_session=True,
        )
        os.close(inside)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    @property
    def text(self) -> str:
        """What it has written, without what moves the cursor, each line as it was drawn."""
        return _CONTROL.sub("", self.output).replace("\r\n", "\n").replace("\r", "\n")

    def reads(self, pattern: str, *, timeout_s: float) -> re.Match[str]:
        """Read until a pattern is in the text, and return the match."""
        deadline = time.monotonic() + timeout_s
        while not (found := re.search(pattern, self.text)):
            assert self._read(deadline - time.monotonic()), f"no {pattern!r} in {self.text!r}"
        return found

    def ends(self, number: int | None = None, *, timeout_s: float = END_S) -> int:
        """Send a signal if one is given, read to the end, and return the status."""
        if number is not None:
            self._process.send_signal(number)
        deadline = time.monotonic() + timeout_s
        while self._read(deadline - time.monotonic()):
            pass
        return self._process.wait(max(0.1, deadline - time.monotonic()))

    def _read(self, timeout_s: float) -> bool:
        """Read what there is; return whether there may be more."""
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, timeout_s))
        try:
            data = os.read(self._terminal, 65536) if ready else b""
        except OSError:  # how a terminal reports that nobody has it open any more
            data = b""
        self.output += data.decode(errors="replace")
        return bool(data)
