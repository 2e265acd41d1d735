"""The first line that a command prints."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess


def first_line(process: subprocess.Popen[str], *, timeout_s: float) -> str:
    """Read it; a command that prints nothing is killed after a while, and the line is empty."""
    assert process.stdout is not None
    timer = threading.Timer(timeout_s, process.kill)
    timer.start()
    try:
        return process.stdout.readline()
    finally:
        timer.cancel()
