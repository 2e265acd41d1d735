"""Times pools: create, the commands that only look, and how cost grows with the number of nodes.

    .venv/bin/python bench/pools.py [RUNS]

Prints a Markdown table of medians with the smallest and the largest; images must be present. These
figures move with the machine's load: compare within one run only.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path

PROGRAM = str(Path(sys.executable).parent / "condor-mini")
SIZES = (10, 25, 50)


def run(*argv: str) -> float:
    """The wall time of a command, which must succeed."""
    began = time.monotonic()
    subprocess.run([PROGRAM, *argv], check=True, capture_output=True, timeout=300)
    return time.monotonic() - began


def own_time(*argv: str) -> float:
    """The CPU time of our own process: without the engine's client, and without the engine."""
    probe = (
        "import resource, sys; sys.argv[0] = 'condor-mini'\n"
        "from condor_mini.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(used.ru_utime + used.ru_stime, file=sys.stderr)"
    )
    said = subprocess.run(
        [sys.executable, "-c", probe, *argv],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return float(said.stderr.splitlines()[-1])


def row(what: str, figures: list[float]) -> None:
    """One line of the table."""
    low, middle, high = min(figures), statistics.median(figures), max(figures)
    print(f"| {what} | {middle:.2f} s | {low:.2f} to {high:.2f} |", flush=True)


def small(runs: int) -> None:
    """A pool of five nodes, from the command to a completed probe job, and what looks at it."""
    creating, deleting = [], []
    looks: dict[str, list[float]] = {"list": [], "status": []}
    own: dict[str, list[float]] = {"list": [], "status": [], "--help": []}
    for _ in range(runs):
        name = f"bench-{uuid.uuid4().hex[:6]}"
        try:
            creating.append(run("create", "-q", "-n", name, "--execute", "3"))
            for command, figures in looks.items():
                figures.append(run(command, "-n", name) if command == "status" else run(command))
            for command, figures in own.items():
                figures.append(own_time(command, *(["-n", name] if command == "status" else [])))
        finally:
            deleting.append(run("delete", "-q", "-n", name))
    row("`create --execute 3`: five nodes, to a completed probe job", creating)
    row("`delete` of them", deleting)
    for command, figures in looks.items():
        row(f"`{command}`, with the engine's answers", figures)
    for command, figures in own.items():
        row(f"`{command}`, our own process alone", figures)


def large() -> None:
    """How long pools of many execution points take, once each."""
    for size in SIZES:
        name = f"bench-{uuid.uuid4().hex[:6]}"
        try:
            seconds = run("create", "-q", "-n", name, "--execute", str(size))
            print(
                f"| `create --execute {size}` | {seconds:.1f} s | {seconds / size:.2f} s a node |"
            )
        finally:
            run("delete", "-q", "-n", name)


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    print(f"| what | median of {count} | range |\n|---|---|---|")
    small(count)
    large()
