"""A pool of five nodes: to its completed probe job, what looks at it, and its end.

The pool by hand has completed its first job too. The floor is `docker run` of five containers that
do nothing, at once.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bench import peers
from bench.figures import Figure, Result
from bench.machine import docker
from bench.peers import BY_HAND, EMBEDDED, FLOOR, OURS

if TYPE_CHECKING:
    from bench.options import Options

CREATE = "`create --execute 3`: 1 + 1 + 3, to a completed job"
POINTS = 3
ENGINES = {OURS: "docker", EMBEDDED: "embedded"}


def measure(options: Options) -> Result:
    """Make pools and delete them, ours and theirs in turn."""
    seconds: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.times(8, 2)):
        for pool, engine in ENGINES.items():
            for what, taken in ours(engine).items():
                seconds.setdefault((what, pool), []).append(taken)
        seconds.setdefault((CREATE, BY_HAND), []).append(theirs())
        seconds.setdefault((CREATE, FLOOR), []).append(floor())
    figures = [
        Figure(what=what, pool=pool, unit="s", values=tuple(values), plot="Create")
        for (what, pool), values in seconds.items()
    ]
    return Result(figures=tuple(sorted(figures, key=lambda figure: figure.what != CREATE)))


def ours(engine: str) -> dict[str, float]:
    """Make a pool of ours, look at it, and delete it; return how many seconds each takes."""
    name = peers.new_name()
    about = ("--engine", engine)
    seconds = {}
    try:
        points = ("--execute", str(POINTS))
        seconds[CREATE] = peers.condor_mini("create", *about, "-n", name, *points)
        seconds["`list`"] = peers.condor_mini("list", *about)
        seconds["`status`"] = peers.condor_mini("status", *about, "-n", name)
    finally:
        seconds["`delete`"] = peers.condor_mini("delete", *about, "-n", name)
    return seconds


def theirs() -> float:
    """Return how many seconds a pool by hand takes until its first job has ended."""
    peers.stock_image()
    began = time.time()
    with peers.by_hand(POINTS) as pool:
        (done,) = pool.jobs(peers.TRUE_NAMED)
        return done.ended - began


def floor() -> float:
    """Return how many seconds Docker takes to run five containers that do nothing."""
    image = peers.stock_image()
    names = [peers.new_name() for _ in range(POINTS + 2)]

    def start(name: str) -> None:
        docker("run", "-d", "--name", name, image, "sleep", "600")

    began = time.monotonic()
    try:
        with ThreadPoolExecutor() as threads:
            list(threads.map(start, names))
        return time.monotonic() - began
    finally:
        docker("rm", "--force", *names)
