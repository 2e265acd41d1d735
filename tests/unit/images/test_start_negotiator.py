"""The script by which a negotiator's cycles begin with a second."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import condor_mini

BACKGROUND = Path(condor_mini.__file__).parent / "images/condor-base/libexec/background"
SCRIPT = BACKGROUND / "start-negotiator"


def test_the_negotiator_begins_in_the_next_second(tmp_path: Path) -> None:
    """It becomes condor_negotiator, with its arguments, when the next second has begun."""
    negotiator = tmp_path / "condor_negotiator"
    negotiator.write_text('#!/bin/sh\necho "$$ $(date +%s) $*"\n')
    negotiator.chmod(0o755)
    before = time.time()
    with subprocess.Popen(
        [SCRIPT, "-local-name", "second"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        output, _ = process.communicate(timeout=10)
    pid, second, *arguments = output.split()
    assert int(pid) == process.pid, "a signal to the script must reach the negotiator"
    assert int(second) > int(before)
    assert arguments == ["-local-name", "second"]
