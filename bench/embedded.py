"""Times pools without a container engine, and tells their memory.

    .venv/bin/python bench/embedded.py [RUNS]

Prints a Markdown table of medians with the smallest and the largest. The runtime must be in the
cache; it is made once more in a cache of its own. Memory is PSS: what several processes share is
divided among them (proc_pid_smaps(5), Pss). pools.py times pools of nodes, on whichever engine
CONDOR_MINI_ENGINE names.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path

from condor_mini.engine.embedded import EmbeddedEngine
from condor_mini.engines import find_engine

PROGRAM = str(Path(sys.executable).parent / "condor-mini")
ENVIRONMENT = {**os.environ, "CONDOR_MINI_ENGINE": "embedded"}
PROBE = (
    "import resource, sys; sys.argv[0] = 'condor-mini'\n"
    "from condor_mini.cli import main\n"
    "try: main()\n"
    "except SystemExit: pass\n"
    "used = resource.getrusage(resource.RUSAGE_SELF)\n"
    "print(used.ru_utime + used.ru_stime, file=sys.stderr)"
)


def run(*argv: str, cwd: str | None = None, **environment: str) -> float:
    """The wall time of a command, which must succeed."""
    began = time.monotonic()
    subprocess.run(
        [PROGRAM, *argv],
        check=True,
        capture_output=True,
        timeout=300,
        cwd=cwd,
        env={**ENVIRONMENT, **environment},
    )
    return time.monotonic() - began


def row(what: str, figures: list[float], unit: str = "s") -> None:
    """One line of the table."""
    low, middle, high = min(figures), statistics.median(figures), max(figures)
    print(f"| {what} | {middle:.2f} {unit} | {low:.2f} to {high:.2f} |", flush=True)


def personal(runs: int) -> None:
    """``run -- true``: all of it, our own process alone, and with an empty cache."""
    own = []
    with tempfile.TemporaryDirectory() as folder:
        row("`run -- true`", [run("run", "--", "true", cwd=folder) for _ in range(runs)])
        for _ in range(runs):
            said = subprocess.run(
                [sys.executable, "-c", PROBE, "run", "--", "true"],
                check=True,
                capture_output=True,
                text=True,
                timeout=60,
                cwd=folder,
                env=ENVIRONMENT,
            )
            own.append(float(said.stderr.splitlines()[-1]))
        row("... our own process alone, CPU", own)
        with tempfile.TemporaryDirectory() as cache:
            row(
                "... with an empty cache",
                [run("run", "--", "true", cwd=folder, XDG_CACHE_HOME=cache)],
            )
        run("run", "--keep", "--", "true", cwd=folder)
        row("memory of a personal pool (PSS)", [sum(memory({"io.condor-mini.role": "mini"}))], "MB")
        run("run", "--", "true", cwd=folder)


def nodes(runs: int) -> None:
    """A pool of five nodes, its memory, and its end; ten pools side by side."""
    creating, stopping, deleting = [], [], []
    for _ in range(runs):
        name = f"bench-{uuid.uuid4().hex[:6]}"
        creating.append(run("create", "-n", name, "--execute", "3"))
        executing = memory({"io.condor-mini.pool": name, "io.condor-mini.role": "execute"})
        stopping.append(run("stop", "-n", name))
        deleting.append(run("delete", "-n", name))
    row("`create --execute 3`: five nodes, to a completed probe job", creating)
    row("memory of an execution point (PSS)", executing, "MB")
    row("`stop` of the five, idle", stopping)
    row("`delete` of them", deleting)
    names = [f"bench-{uuid.uuid4().hex[:6]}" for _ in range(10)]
    began = time.monotonic()
    making = [
        subprocess.Popen(
            [PROGRAM, "create", "-q", "-n", name], env=ENVIRONMENT, stdout=subprocess.DEVNULL
        )
        for name in names
    ]
    assert {process.wait(timeout=300) for process in making} == {0}
    row("ten pools of three nodes, created at once", [time.monotonic() - began])
    for name in names:
        run("delete", "-n", name)


def memory(labels: dict[str, str]) -> list[float]:
    """Of each container with these labels, in MB: of its shim and all below it."""
    engine = find_engine("embedded")
    assert isinstance(engine, EmbeddedEngine)
    below: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
            below.setdefault(int(fields[1]), []).append(int(stat.parent.name))

    def tree(pid: int) -> list[int]:
        return [pid, *(inner for child in below.get(pid, []) for inner in tree(child))]

    def pss_kb(pid: int) -> int:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return 0

    shims = [
        int((engine.directory / "containers" / info.name / "keeper").read_text().split()[0])
        for info in engine.containers(labels)
    ]
    return [sum(map(pss_kb, tree(shim))) / 1000 for shim in shims]


if __name__ == "__main__":
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    print("| what | median | range |\n|---|---|---|")
    personal(times)
    nodes(times)
