"""The script by which a startd is woken when a second begins."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import condor_mini

SCRIPT = Path(condor_mini.__file__).parent / "images/condor-base/libexec/background/await-second"


def test_it_ends_in_the_next_second() -> None:
    """It does not end before the next second of the clock has begun."""
    before = time.time()
    subprocess.run([SCRIPT], check=True, timeout=10)
    assert int(before) < int(time.time())


def test_without_nanoseconds_it_ends_at_once(tmp_path: Path) -> None:
    """A date(1) that does not know them is no error."""
    date = tmp_path / "date"
    date.write_text("#!/bin/sh\necho N\n")
    date.chmod(0o755)
    subprocess.run([SCRIPT], check=True, timeout=10, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
