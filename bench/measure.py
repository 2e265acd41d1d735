"""Times what a user waits for, several runs each, on the engine of this machine.

    .venv/bin/python bench/measure.py [RUNS]

Prints a Markdown table of medians with the smallest and the largest; images must be present. These
figures move with the machine's load: compare within one run only.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from condor_mini.base.layout import HEALTH

PROGRAM = Path(sys.executable).parent / "condor-mini"
ADDRESS = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
ROLES = {"condor-submit": "submit", "condor-execute": "execute"}

JOB = """
import subprocess, time
open("job.sub", "w").write(
    "executable=/bin/true\\ntransfer_executable=false\\ntransfer_output_files=\\"\\"\\n"
    "log=job.log\\nqueue\\n"
)
for pause in [0.0, *[3.0] * RUNS]:
    time.sleep(pause)
    open("job.log", "w").close()
    began = time.monotonic()
    subprocess.run(["condor_submit", "-terse", "job.sub"], check=True, capture_output=True)
    subprocess.run(["condor_wait", "job.log"], check=True, capture_output=True)
    print(time.monotonic() - began)
"""


def seconds(argv: list[str], cwd: str | None = None) -> float:
    """The wall time of a command, which must succeed."""
    began = time.monotonic()
    subprocess.run(argv, check=True, capture_output=True, timeout=120, cwd=cwd)
    return time.monotonic() - began


def docker(*argv: str) -> str:
    """What a docker command says."""
    command = ["docker", *argv]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=120
    ).stdout.strip()


def row(what: str, figures: list[float], unit: str = "s") -> None:
    """One line of the table."""
    low, middle, high = min(figures), statistics.median(figures), max(figures)
    print(f"| {what} | {middle:.2f} {unit} | {low:.2f} to {high:.2f} |")


def personal_pool(runs: int) -> None:
    """From the command to a usable pool and back."""
    with tempfile.TemporaryDirectory(prefix="condor-mini-bench-") as folder:
        whole = [
            seconds([str(PROGRAM), "run", "-q", "--", "true"], cwd=folder) for _ in range(runs)
        ]
        row("`./run -- true`: start, use, end", whole)
        said = subprocess.run(
            [str(PROGRAM), "run", "-q", "--", "python3", "-c", JOB.replace("RUNS", str(runs))],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        figures = [float(line) for line in said.splitlines()]
        row("submit to done, `/bin/true`, idle personal pool", figures[1:])


def nodes(runs: int) -> None:
    """Three containers, by the engine alone; their memory; their end."""
    forming, stopping = [], []
    for _ in range(runs):
        names = [f"bench-{uuid.uuid4().hex[:6]}-{role}" for role in ("master", "submit", "execute")]
        try:
            began = time.monotonic()
            docker("run", "-d", "--name", names[0], "-e", "AUTO_APPROVE=0.0.0.0/0", "condor-master")
            address = docker("inspect", "-f", ADDRESS, names[0])
            for name, image in zip(names[1:], ROLES, strict=True):
                docker("run", "-d", "--name", name, "-e", f"MASTER={address}", image)
            for name in names:
                docker("exec", name, HEALTH, "--wait", "60")
            forming.append(time.monotonic() - began)
            memory = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", *names)
            stopping += [seconds(["docker", "stop", name]) for name in reversed(names)]
        finally:
            docker("rm", "--force", *names)
    row(
        "`docker run` of central manager, access and execution point, until all are healthy",
        forming,
    )
    row("`docker stop` of an idle node", stopping)
    used = ", ".join(line.split(" / ")[0] for line in memory.splitlines())
    print(f"| memory of the three, idle, as the engine counts it | {used} | |")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    print(f"| what | median of {count} | range |\n|---|---|---|")
    personal_pool(count)
    nodes(count)
