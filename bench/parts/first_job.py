"""From the command to the end of the first job, where nothing runs yet.

PersonalPool is timed in a container that runs already. The floor is `docker run` of `true`.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

from bench import peers
from bench.figures import Figure, Result
from bench.machine import docker
from bench.peers import EMBEDDED, FLOOR, OURS, PERSONAL_POOL

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.options import Options

FIRST = "personal pool: command to the first job's end"
WHOLE = "`./run -- true`: start, use, end"

SCRIPT = (
    'printf "%s\\nlog = log\\nqueue\\n" "$1" >job && condor_submit job >submitted && '
    "condor_wait log >waited && date +%s.%N"
)
JOB = ("sh", "-c", SCRIPT, "job", peers.TRUE_NAMED)
"""Runs a job, and prints when it has ended, in seconds since 1970."""


def measure(options: Options) -> Result:
    """Start personal pools and run a job, in turn."""
    image = peers.stock_image()
    kinds: dict[tuple[str, str], Callable[[], float]] = {
        (FIRST, OURS): lambda: ours("docker"),
        (FIRST, EMBEDDED): lambda: ours("embedded"),
        (FIRST, PERSONAL_POOL): lambda: theirs(image),
        (WHOLE, OURS): lambda: whole("docker"),
        (WHOLE, EMBEDDED): lambda: whole("embedded"),
        (WHOLE, FLOOR): lambda: floor(image),
    }
    seconds: dict[tuple[str, str], list[float]] = {kind: [] for kind in kinds}
    for _ in range(options.times(8, 2)):
        for kind, act in kinds.items():
            seconds[kind].append(act())
    return Result(
        figures=tuple(
            Figure(what=what, pool=pool, unit="s", values=tuple(values), plot="First job")
            for (what, pool), values in seconds.items()
        )
    )


def ours(engine: str) -> float:
    """Return the seconds from ``condor-mini run`` to the end of a job."""
    with tempfile.TemporaryDirectory(prefix="condor-mini-bench-") as folder:
        began = time.time()
        argv = [peers.PROGRAM, "run", "-q", "--engine", engine, "--", *JOB]
        ended = subprocess.run(
            argv, check=True, stdout=subprocess.PIPE, timeout=peers.TIMEOUT_S, cwd=folder
        )
        return float(ended.stdout) - began


def theirs(image: str) -> float:
    """Return the seconds from the start of Python to the end of a PersonalPool's first job."""
    name = peers.new_name()
    script = (peers.INSIDE / "personal.py").read_text()
    try:
        docker("run", "-d", "--init", "--name", name, image, "sleep", "600")
        inside = ["exec", "-u", "user", "-w", "/home/user", name]
        began = time.time()
        return float(docker(*inside, "python3", "-c", script, "pool", *JOB)) - began
    finally:
        docker("rm", "--force", name)


def whole(engine: str) -> float:
    """Return the seconds of ``condor-mini run -- true``."""
    with tempfile.TemporaryDirectory(prefix="condor-mini-bench-") as folder:
        return peers.condor_mini("run", "--engine", engine, "--", "true", cwd=folder)


def floor(image: str) -> float:
    """Return the seconds of ``docker run`` of ``true``."""
    began = time.monotonic()
    docker("run", "--rm", image, "true")
    return time.monotonic() - began
