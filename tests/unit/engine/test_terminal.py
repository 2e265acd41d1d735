"""A command that has a terminal of its own, at ours."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

TIMES = 200
ATTACHES = """
import os, sys
from condor_mini.engine import terminal
command = ["setsid", "--ctty", "--wait", "sh", "-c", "trap '' HUP; sleep 1 & echo over"]
for _ in range(int(sys.argv[1])):
    master, slave = os.openpty()
    terminal.attach(command, environment=None, master=master, slave=slave)
"""


def test_last_words_are_seen() -> None:
    """What a command wrote just before its end is seen, also if its terminal stays open."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ATTACHES, str(TIMES)],
        stdin=slave,
        stdout=slave,
        start_new_session=True,
    ):
        os.close(slave)
        seen = b""
        while chunk := _read(master):
            seen += chunk
    os.close(master)
    assert seen.count(b"over") == TIMES


def _read(master: int) -> bytes:
    try:
        return os.read(master, 4096)
    except OSError:  # Linux says so when the last writer has gone
        return b""
