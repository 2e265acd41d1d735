"""Examples are typed in, and what they show is compared with what comes."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.pages import Command

VARYING = re.compile(
    r"\([0-9.]+ s\)"  # how long it took
    r"|(?<=exit 0 )(< 1|\d+) s"  # for how long a job had a slot
    r"|(?<=execute-)\d(?=, as)"  # the node that a job happened to run on
    r"|mini-[0-9a-f]{6}"  # a personal pool's name
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    r"|<127\.0\.0\.1:\d+\?[^>]*>"
    r"|[0-9.]+ \d+ \d\+\d\d:\d\d:\d\d"  # LoadAv, Mem, ActvtyTime of condor_status
)

MOST = 4000
"""So much of an output is shown."""


def typed(command: Command, cwd: Path, environment: dict[str, str]) -> str:
    """Run a command as the page shows it, and return all that it says, stderr first."""
    result = subprocess.run(
        ["sh", "-euc", command.script],
        cwd=cwd,
        env={**os.environ, "PATH": f"{cwd / 'bin'}:{os.environ['PATH']}", **environment},
        input="".join(f"{line}\n" for line in command.typed),
        check=False,
        capture_output=True,
        text=True,
        timeout=280,
    )
    output = result.stderr + result.stdout
    assert result.returncode == 0, f"{command.script}\n{output[:MOST]}"
    return output


def without_varying(text: str) -> str:
    """Return the text without what differs from run to run, as the width of columns does."""
    return VARYING.sub("…", re.sub("[ ]+", " ", text))


def check(command: Command, output: str) -> None:
    """Check that each line that the page shows is in the output."""
    for line in command.shown:
        shown = without_varying(line)
        assert shown in without_varying(output), f"{command.script}: {line}\n{output[:MOST]}"
