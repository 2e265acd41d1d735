"""The command ``condor-mini dashboard`` as a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from first_line import first_line

if TYPE_CHECKING:
    from pathlib import Path

LINK = re.compile(r"http://127\.0\.0\.1:\d+/\?token=(\S+)")
START_TIMEOUT_S = 30


class Running:
    """The command on a pool of the embedded engine, and what it has printed."""

    def __init__(self, pool: str, folder: Path) -> None:
        argv = [sys.executable, "-m", "condor_mini", "dashboard", "-n", pool]
        self.process = subprocess.Popen(
            [*argv, "--engine", "embedded"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
        )
        self.line = first_line(self.process, timeout_s=START_TIMEOUT_S)
        found = LINK.search(self.line)
        assert found, self.process.communicate()
        self.link, self.token = found[0], found[1]

    def end(self) -> tuple[int, str, str]:
        """End it with Ctrl-C; return its status and what else it printed."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=START_TIMEOUT_S)
        return self.process.returncode, out, err
