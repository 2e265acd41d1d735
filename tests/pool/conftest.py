"""Nodes that are started with nothing but the engine's command line, as README tells a user to."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import HEALTH
from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.base.waiting import wait_until
from condor_mini.engines import find_engine
from condor_mini.images import builder
from engine_marks import engines_that_are_slow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from condor_mini.engine import Engine

POOL_ENGINES = ("docker", "embedded", "podman")
UNASKED = POOL_ENGINES[:2]
"""The engines of what is tested on every engine, unless others are chosen."""
TIMEOUT_S = 60.0
"""Deadline of any one command."""
READY_S = 40
"""Within this a node is healthy, on a machine that does other work too."""
USER = "jovyan"
"""Who submits."""


def pytest_configure(config: pytest.Config) -> None:
    """What tests of pools say of engines."""
    for words in (
        "every_engine: what can differ by engine, and is tested on each of them unasked",
        "any_engine: what cannot: it is tested on the one that costs least, on Docker with --slow",
        "pool_engines(*names, reason): the only engines that the test is about, and why",
    ):
        config.addinivalue_line("markers", words)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of pools for the engines chosen, or for those that it is to run on unasked."""
    if "pool_engine_name" not in metafunc.fixturenames:
        return
    chosen: str | None = metafunc.config.getoption("--pool-engines")
    marked = (mark.name for mark in metafunc.definition.iter_markers())
    where = next((name for name in marked if name in ("every_engine", "any_engine")), None)
    everywhere = where is not None
    names = chosen.split(",") if chosen else list(UNASKED if everywhere else UNASKED[:1])
    if unknown := set(names) - set(POOL_ENGINES):
        raise pytest.UsageError(f"--pool-engines: unknown are {', '.join(sorted(unknown))}")
    only = metafunc.definition.get_closest_marker("pool_engines")
    admitted = [name for name in names if only is None or name in only.args]
    asked = chosen or everywhere or only is None
    reason = only.kwargs["reason"] if only and asked else "it takes --pool-engines embedded"
    slow = UNASKED[:1] if where == "any_engine" and not chosen else engines_that_are_slow(metafunc)
    marks = dict.fromkeys(slow, (pytest.mark.slow,))
    if not admitted:
        marks = {name: (pytest.mark.skip(reason=reason),) for name in names}
    parameters = [pytest.param(name, marks=marks.get(name, ())) for name in admitted or names]
    metafunc.parametrize("pool_engine_name", parameters, scope="session")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A container of one of our images."""

    engine: str
    name: str

    def command(self, *argv: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of the engine's, whatever its status."""
        return subprocess.run(
            [self.engine, *argv],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def attempt(
        self, *argv: str, user: str = "root", stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, whatever its status."""
        return self.command("exec", "-i", "-u", user, self.name, *argv, stdin=stdin)

    def exec(self, *argv: str, user: str = "root", stdin: str | None = None) -> str:
        """Run a command in the container, which succeeds; what it wrote to stdout."""
        result = self.attempt(*argv, user=user, stdin=stdin)
        assert result.returncode == 0, f"{argv}: {result.stdout}{result.stderr}"
        return result.stdout.strip()

    def shell(self, script: str, user: str = "root") -> str:
        """Run a shell script in the container; what it wrote to stdout."""
        return self.exec("bash", "-e", "-s", user=user, stdin=script)

    def log(self) -> str:
        """All that the container wrote to stdout and stderr."""
        result = subprocess.run(
            [self.engine, "logs", self.name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
            check=True,
        )
        return result.stdout.decode(errors="replace")

    def inspect(self, template: str) -> str:
        """A value of the engine's record."""
        return self.command("inspect", "--format", template, self.name).stdout.strip()

    @property
    def address(self) -> str:
        """Its first IPv4 address."""
        networks = json.loads(self.inspect("{{json .NetworkSettings.Networks}}"))
        return str(next(iter(networks.values()))["IPAddress"])

    @property
    def exit_code(self) -> int:
        """The status that it ended with."""
        return int(self.inspect("{{.State.ExitCode}}"))

    def health(self) -> str:
        """What the health check finds missing now; nothing when the node is healthy."""
        result = self.attempt(HEALTH)
        return "" if result.returncode == 0 else (result.stdout + result.stderr).strip()

    def wait_until_healthy(self, within_s: float = READY_S) -> Node:
        """Wait until the health check passes."""
        result = self.attempt(HEALTH, "--wait", f"{within_s:g}")
        said = result.stdout + result.stderr
        assert result.returncode == 0, f"{self.name}: {said}{self.log()[-1500:]}"
        return self

    def wait_for_log(self, *words: str, within_s: float = READY_S, count: int = 1) -> str:
        """Wait until so many lines of the log have all these words; the last of them."""
        found: list[str] = []

        def probe() -> str | None:
            found[:] = [line for line in self.log().splitlines() if all(w in line for w in words)]
            if len(found) >= count:
                return None
            return f"no {words} in the log of {self.name}:\n{self.log()[-1500:]}"

        wait_until(probe, timeout_s=within_s)
        return found[-1]

    def wait_for(self, script: str, expected: str, within_s: float = READY_S) -> float:
        """Wait until a shell script in the container writes just this; how long it took, in s."""

        def probe() -> str | None:
            result = self.attempt("bash", "-c", script)
            answer = (result.stdout + result.stderr).strip()
            return None if answer == expected else f"{script!r} says {answer!r}, not {expected!r}"

        return wait_until(probe, timeout_s=within_s)

    def stop(self, *options: str) -> None:
        """The engine's ``stop``."""
        self._engine("stop", *options)

    def start(self) -> None:
        """The engine's ``start``."""
        self._engine("start")

    def restart(self) -> None:
        """The engine's ``restart``."""
        self._engine("restart")

    def _engine(self, *argv: str) -> None:
        result = self.command(*argv, self.name)
        assert result.returncode == 0, result.stderr

    def wait_until_ended(self, within_s: float = 20) -> int:
        """Wait until the container has ended; its status."""

        def probe() -> str | None:
            status = self.inspect("{{.State.Status}}")
            return None if status == "exited" else f"{self.name} is {status}"

        wait_until(probe, timeout_s=within_s)
        return self.exit_code

    def submit(self, command: str, *lines: str, user: str = USER) -> str:
        """Submit a shell command as a job; its cluster's number."""
        job = (
            "executable = /bin/sh",
            f"arguments = \"-c '{command}'\"",
            "transfer_executable = false",
            'transfer_output_files = ""',
            "output = $(Cluster).out",
            "error = $(Cluster).err",
            "log = $(Cluster).log",
            *lines,
            "queue" if not any(line.startswith("queue") for line in lines) else "",
        )
        script = 'cd; f=$(mktemp); cat >"$f"; condor_submit -terse "$f"'
        said = self.exec("bash", "-ec", script, user=user, stdin="\n".join(job) + "\n")
        return said.partition(".")[0]

    def wait_for_job(self, cluster: str, user: str = USER) -> str:
        """Wait until a job is done; what it wrote to stdout."""
        try:
            return self.shell(
                f"cd; condor_wait -wait {READY_S} {cluster}.log >&2; cat {cluster}.out", user
            )
        except AssertionError as error:
            queue = self.attempt("condor_q", "-better-analyze", cluster).stdout
            raise AssertionError(f"{error}\n{queue}") from error

    def run_job(self, command: str, *lines: str, user: str = USER) -> str:
        """Submit a shell command as a job and wait for it; what it wrote to stdout."""
        return self.wait_for_job(self.submit(command, *lines, user=user), user)

    def wait_until_running(self, cluster: str, starts: int = 1) -> None:
        """Wait until a job's process has been started so many times."""
        self.wait_for(f"grep -c ^001 ~{USER}/{cluster}.log", str(starts))

    def wait_for_state(self, cluster: str, state: int) -> None:
        """Wait until a job is idle (1), held (5)."""
        self.wait_for(f"condor_q {cluster} -af JobStatus", str(state))


@dataclass(kw_only=True)
class Docker:
    """Starts containers and networks that bear this run's label."""

    engine: str
    tag: str
    session: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    _count: int = 0

    def _new_name(self) -> str:
        self._count += 1
        return f"cm-{self.session}-{self._count}"

    @property
    def label(self) -> str:
        """What tells this run's objects from all others."""
        return f"condor-mini-test.session={self.session}"

    def _command(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.engine, *argv], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )

    def run(self, role: str, *options: str, tag: str | None = None) -> Node:
        """``docker run -d OPTIONS condor-ROLE``."""
        name = self._new_name()
        image = f"condor-{role}:{tag or self.tag}"
        result = self._command(
            *("run", "--detach", "--name", name, "--label", self.label, *options, image)
        )
        assert result.returncode == 0, result.stderr
        return Node(engine=self.engine, name=name)

    def foreground(self, role: str, *options: str) -> subprocess.CompletedProcess[str]:
        """``docker run --rm OPTIONS condor-ROLE``, which ends by itself."""
        name = self._new_name()
        return self._command(
            *("run", "--rm", "--name", name, "--label", self.label, *options),
            f"condor-{role}:{self.tag}",
        )

    def network(self, *options: str) -> str:
        """A network, by its name."""
        name = self._new_name()
        result = self._command("network", "create", "--label", self.label, *options, name)
        assert result.returncode == 0, result.stderr
        return name

    def pool(
        self,
        *,
        executors: int = 1,
        tag: str | None = None,
        by_role: Callable[[str], tuple[str, ...]] | None = None,
    ) -> Pool:
        """A pool on a network of its own, whose nodes join without being asked."""
        network = self.network()

        def node(role: str, *options: str) -> Node:
            more = by_role(role) if by_role else ()
            return self.run(role, "--network", network, *options, *more, tag=tag)

        master = node("master", "-e", "AUTO_APPROVE=0.0.0.0/0")
        join = ("-e", f"MASTER={master.name}")
        submit = node("submit", *join)
        executes = [node("execute", *join) for _ in range(executors)]
        pool = Pool(master=master, submit=submit, executes=executes, network=network)
        return pool.wait_until_healthy()

    def mark(self) -> set[str]:
        """What there is now of this run, by id."""
        listed = self._command("ps", "-aq", "--no-trunc", "--filter", f"label={self.label}").stdout
        networks = self._command(
            "network", "ls", "-q", "--no-trunc", "--filter", f"label={self.label}"
        ).stdout
        return {*listed.split(), *networks.split()}

    def remove_since(self, mark: set[str]) -> None:
        """Remove what came after the mark."""
        new = self.mark() - mark
        if new:
            self._command("rm", "--force", "--volumes", *new)
            self._command("network", "rm", *new)


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A central manager, an access point, and execution points."""

    master: Node
    submit: Node
    executes: list[Node]
    network: str

    @property
    def execute(self) -> Node:
        """The first execution point."""
        return self.executes[0]

    @property
    def nodes(self) -> list[Node]:
        """All of them, the central manager first."""
        return [self.master, self.submit, *self.executes]

    def wait_until_healthy(self, within_s: float = READY_S) -> Pool:
        """Wait until every node is."""
        for node in self.nodes:
            node.wait_until_healthy(within_s)
        return self


def stops_fast_and_starts(node: Node, pool: Pool) -> None:
    """Assert that the engine's stop takes less than 3 s and ends with 0; then start the node."""
    before = time.monotonic()
    node.stop()
    took_s = time.monotonic() - before
    status = node.exit_code
    node.start()
    pool.wait_until_healthy()
    assert (status, took_s < 3) == (0, True), f"{node.name}: status {status}, {took_s:.1f} s"


@pytest.fixture(scope="session")
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``XDG_STATE_HOME`` of the commands: no logs and no containers in the home of who tests."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session")
def pool_engine(pool_engine_name: str, state_home: Path, request: pytest.FixtureRequest) -> Engine:
    """The engine that the pools are on, as the commands find it."""
    if pool_engine_name == "podman":
        request.getfixturevalue("configured_podman")
    if pool_engine_name == "embedded":
        from .people import embedded_at

        return embedded_at(state_home)
    return find_engine(pool_engine_name)


@pytest.fixture(scope="session")
def image_tag(engine: Engine) -> Callable[[str], str]:
    """Builds a series' images, where they are not up to date; the tag that they have."""

    def ensure(number: str) -> str:
        series = catalogue().get(number)
        builder.build(engine, ["master", "submit", "execute"], series, Progress())
        return series.number

    return ensure


@pytest.fixture(scope="session")
def _docker(engine: Engine, image_tag: Callable[[str], str]) -> Iterator[Docker]:
    docker = Docker(engine=engine.name, tag=image_tag(catalogue().get(None).number))
    yield docker
    docker.remove_since(set())


@pytest.fixture(scope="module")
def shared(_docker: Docker) -> Iterator[Docker]:
    """Starts what the tests of a module share."""
    mark = _docker.mark()
    yield _docker
    _docker.remove_since(mark)


@pytest.fixture
def docker(shared: Docker) -> Iterator[Docker]:
    """Starts what is one test's own."""
    mark = shared.mark()
    yield shared
    shared.remove_since(mark)


@pytest.fixture(scope="module")
def pool(shared: Docker) -> Pool:
    """A pool that the tests of a module share, and leave healthy."""
    return shared.pool()
