"""The pools that are measured: ours, and what a user would otherwise take, of the same HTCondor."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bench.machine import Groups, docker
from condor_mini.base.layout import LABEL
from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.base.waiting import wait_until
from condor_mini.engine import BuildSpec, EmbeddedEngine, command, require_builder
from condor_mini.engines import find_engine
from condor_mini.images import builder
from condor_mini.images.debian import debian_base

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PROGRAM = str(Path(sys.executable).parent / "condor-mini")
INSIDE = Path(__file__).parent / "inside"
STOCK = Path(__file__).parent / "stock"
TIMEOUT_S = 600.0
READY_TIMEOUT_S = 120.0

OURS, EMBEDDED = "condor-mini", "condor-mini, embedded"
MINICONDOR, PERSONAL_POOL, BY_HAND = "minicondor", "PersonalPool", "by hand"
FLOOR = "floor"

SOON = "NEGOTIATOR_INTERVAL = 5\nNEGOTIATOR_CYCLE_DELAY = 5\nRunBenchmarks = False"
"""Configuration for batches of jobs: they do not wait a minute for their first cycle, and no startd
measures the machine meanwhile."""

TRUE = "executable = /bin/true\ntransfer_executable = false\nrequest_memory = 16\nrequest_disk = 1"
"""A job that does nothing. Its outputs are not named: the starter looks for them."""
TRUE_NAMED = f'{TRUE}\ntransfer_output_files = ""'
COPY = (
    "executable = /bin/cp\narguments = in.txt out.$(Process)\ntransfer_executable = false\n"
    "request_memory = 16\nrequest_disk = 1\nshould_transfer_files = yes\n"
    "transfer_input_files = in.txt"
)
"""A job with an input of 10 kB, and the same as its output, which is not named."""
COPY_NAMED = f"{COPY}\ntransfer_output_files = out.$(Process)"


@dataclass(frozen=True, kw_only=True)
class Round:
    """Jobs that were submitted together."""

    seconds: float
    """From the submission to the end of the last one."""
    running_s: float
    """From the first one's start to the end of the last one."""
    ended: float
    """When that was, in seconds since 1970."""

    @classmethod
    def parse(cls, line: str) -> Self:
        """Return what a line of inside/jobs.py says."""
        seconds, running_s, ended = map(float, line.split())
        return cls(seconds=seconds, running_s=running_s, ended=ended)


@dataclass(kw_only=True)
class BenchPool:
    """A running pool, whoever has made it."""

    name: str
    """Whose it is: ``OURS``, ``MINICONDOR``, ..."""
    prefix: tuple[str, ...]
    """What a command line begins with that runs on the access point as an ordinary user."""
    containers: tuple[str, ...]

    def run(self, *argv: str) -> str:
        """Return what a command on the access point writes, which succeeds."""
        return command.run([*self.prefix, *argv], timeout_s=TIMEOUT_S).stdout

    @cached_property
    def usage(self) -> Groups:
        """What its containers use."""
        return Groups.of(self.containers)

    def jobs(
        self,
        description: str,
        *,
        count: int = 1,
        rounds: int = 1,
        pauses: Sequence[float] = (0,),
        on_start: Callable[[], object] = lambda: None,
    ) -> list[Round]:
        """Submit so many jobs and wait for them, some times, each after a pause.

        ``on_start`` is called as soon as the first job of a round has started.
        """
        argv = [*self.prefix, *submission(description, count, rounds, pauses)]
        found = []
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            for line in process.stdout:
                if line == "started\n":
                    on_start()
                else:
                    found.append(Round.parse(line))
        assert process.returncode == 0, f"{self.name}: the jobs have not ended"
        return found


def submission(
    description: str, count: int = 1, rounds: int = 1, pauses: Sequence[float] = (0,)
) -> list[str]:
    """Return the command that submits jobs and waits for them: inside/jobs.py."""
    script = (INSIDE / "jobs.py").read_text()
    numbers = [str(rounds), str(count), ",".join(map(str, pauses))]
    return ["python3", "-c", script, *numbers, description]


def new_name() -> str:
    """Return a name for a pool that nobody has."""
    return f"bench-{uuid.uuid4().hex[:6]}"


def condor_mini(*argv: str, cwd: str | None = None) -> float:
    """Run our command, which succeeds; return how many seconds it took."""
    began = time.monotonic()
    done = subprocess.run(
        [PROGRAM, *argv], capture_output=True, text=True, timeout=TIMEOUT_S, cwd=cwd, check=False
    )
    assert done.returncode == 0, f"condor-mini {' '.join(argv)}: {done.stderr}"
    return time.monotonic() - began


# -- ours -----------------------------------------------------------------------------------------


@contextmanager
def ours_personal(engine: str = "docker") -> Iterator[BenchPool]:
    """Yield a personal pool of ours, as ``condor-mini run`` makes it."""
    name = new_name()
    with tempfile.TemporaryDirectory(prefix="condor-mini-bench-") as folder:
        try:
            condor_mini(
                "run", "--keep", "--engine", engine, "--name", name, "--", "true", cwd=folder
            )
            yield _ours(name, engine, (name,))
        finally:
            condor_mini("delete", "--engine", engine, "-n", name)


@contextmanager
def ours_of_nodes(points: int, engine: str = "docker") -> Iterator[BenchPool]:
    """Yield a pool of ours: a central manager, an access point, and so many execution points."""
    name = new_name()
    try:
        condor_mini("create", "--engine", engine, "-n", name, "--execute", str(points))
        yield created(name, engine)
    finally:
        condor_mini("delete", "--engine", engine, "-n", name)


def created(name: str, engine: str = "docker") -> BenchPool:
    """Return a pool of nodes of ours that exists."""
    nodes = find_engine(engine).containers({f"{LABEL}.pool": name})
    return _ours(name, engine, tuple(node.name for node in nodes))


def _ours(name: str, engine: str, containers: tuple[str, ...]) -> BenchPool:
    return BenchPool(
        name=OURS if engine == "docker" else EMBEDDED,
        prefix=(PROGRAM, "exec", "--engine", engine, "-n", name, "--"),
        containers=containers,
    )


# -- HTCondor as Debian installs it ---------------------------------------------------------------


@cache
def stock_image() -> str:
    """Return the image of HTCondor as Debian's packages leave it; build it if it is absent."""
    engine = require_builder(find_engine("docker"), "build what we are compared with")
    series = catalogue().get(None)
    silent = Progress()
    base = builder.ensure(engine, "base", series, silent)
    reference = f"bench-stock:{series.number}"
    arguments = {"BASE": base, "DEBIAN": debian_base(engine, silent)}
    engine.build(
        BuildSpec(context=STOCK, tags=(reference,), build_args=arguments), on_line=lambda _: None
    )
    return reference


@contextmanager
def minicondor() -> Iterator[BenchPool]:
    """Yield a pool of Debian's package ``minicondor``, in a container."""
    name = new_name()
    with _containers(name):
        docker("run", "-d", "--init", "--name", name, "--hostname", name, stock_image())
        pool = BenchPool(name=MINICONDOR, prefix=_as_user(name), containers=(name,))
        _await_slots(pool, 1)
        yield pool


@contextmanager
def personal_pool() -> Iterator[BenchPool]:
    """Yield an ``htcondor2.personal.PersonalPool`` of its default configuration, in a container."""
    name = new_name()
    home = "/home/user"
    script = (INSIDE / "personal.py").read_text()
    start = ["python3", "-c", script, f"{home}/pool", "sh", "-c", "echo ready; sleep infinity"]
    with _containers(name):
        container = ["--init", "--name", name, "--user", "user", "--workdir", home]
        docker("run", "-d", *container, stock_image(), *start)
        configured = ("-e", f"CONDOR_CONFIG={home}/pool/condor_config")
        pool = BenchPool(name=PERSONAL_POOL, prefix=_as_user(name, *configured), containers=(name,))

        def unready() -> str | None:
            return None if "ready" in docker("logs", name).split() else "PersonalPool is not ready"

        wait_until(unready, timeout_s=READY_TIMEOUT_S)
        yield pool


@contextmanager
def by_hand(points: int, config: str = "") -> Iterator[BenchPool]:
    """Yield a pool of HTCondor's default configuration and a pool password: stock/node."""
    name = new_name()
    nodes = {f"{name}-manager": "central_manager", f"{name}-submit": "submit"}
    nodes |= {f"{name}-execute-{number}": "execute" for number in range(1, points + 1)}
    image = stock_image()
    with _containers(*nodes):
        docker("network", "create", name)
        try:
            for node, role in nodes.items():
                container = ["--init", "--name", node, "--hostname", node, "--network", name]
                command_line = ["node", role, f"{name}-manager", name, config]
                docker("run", "-d", *container, image, *command_line)
            pool = BenchPool(
                name=BY_HAND, prefix=_as_user(f"{name}-submit"), containers=tuple(nodes)
            )
            _await_slots(pool, points)
            yield pool
        finally:
            docker("rm", "--force", "--volumes", *nodes)
            docker("network", "rm", name)


@contextmanager
def _containers(*names: str) -> Iterator[None]:
    try:
        yield
    finally:
        docker("rm", "--force", "--volumes", *names)


def _as_user(container: str, *options: str) -> tuple[str, ...]:
    return ("docker", "exec", "-u", "user", "-w", "/home/user", *options, container)


def _await_slots(pool: BenchPool, count: int) -> None:
    """Wait until so many slots and a schedd are at the collector."""

    def missing() -> str | None:
        query = [*pool.prefix, "condor_status", "-any", "-af", "MyType"]
        types = command.run(query, timeout_s=TIMEOUT_S, check=False).stdout.split()
        there = types.count("Machine") >= count and "Scheduler" in types
        return None if there else f"{pool.name}: at the collector are {types}"

    wait_until(missing, timeout_s=READY_TIMEOUT_S)


def first_process(container: str) -> int:
    """Return the process of the embedded engine that all others of a container descend from."""
    engine = find_engine("embedded")
    assert isinstance(engine, EmbeddedEngine)
    record = engine.directory / "containers" / container / "keeper"
    return int(record.read_text().split()[0])
