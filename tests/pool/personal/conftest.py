"""Callers of ``condor-mini run``: root and an ordinary user, each with directories of their own."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine import find_engine
from condor_mini.readiness import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from condor_mini.engine import ContainerInfo, Engine

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
UID = 4321 + 10 * int(WORKER)
"""A number that no image and no machine has a name for; another one beside each other."""
WHO = ("root", "user") if os.getuid() == 0 else ("user",)
TIMEOUT_S = 40.0
PROMPT = r"jovyan@[a-z0-9-]+:~[^\n$]*\$ "


@dataclass(kw_only=True)
class Terminal:
    """A process whose stdin, stdout and stderr are a terminal that the test types at."""

    process: subprocess.Popen[bytes]
    descriptor: int
    seen: str = ""

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self.descriptor, line.encode() + b"\n")

    def expect(self, pattern: str, timeout_s: float = TIMEOUT_S) -> str:
        """Read until the pattern is there; all that was read for it."""
        deadline = time.monotonic() + timeout_s
        while not (found := re.search(pattern, self.seen)):
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"no {pattern!r} in {self.seen!r}"
            if select.select([self.descriptor], [], [], left_s)[0]:
                self.seen += self._read()
        read, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return read

    def command(self, line: str) -> str:
        """Type a line at the prompt; all that is seen until the next prompt."""
        self.type(line)
        return self.expect(PROMPT)

    def end(self) -> int:
        """Read to the end; the status."""
        with contextlib.suppress(EOFError):
            while True:
                self.seen += self._read()
        return self.process.wait(timeout=TIMEOUT_S)

    def _read(self) -> str:
        try:
            chunk = os.read(self.descriptor, 4096)
        except OSError:  # Linux says so when the last writer has gone
            raise EOFError(self.seen) from None
        if not chunk:
            raise EOFError(self.seen)
        return chunk.decode(errors="replace")


@dataclass(kw_only=True)
class Person:
    """Somebody who types commands."""

    uid: int
    gid: int
    python: str = sys.executable
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    groups: tuple[int, ...] = ()

    def run(
        self,
        *arguments: str,
        cwd: Path,
        stdin: str | None = None,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """``condor-mini ARGUMENTS``, to its end."""
        with self.start(*arguments, cwd=cwd, environment=environment) as process:
            try:
                out, err = process.communicate(stdin, timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGTERM)
                out, err = process.communicate(timeout=TIMEOUT_S)
                pytest.fail(f"{arguments} did not end in {TIMEOUT_S:g} s: {out}{err}")
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def start(
        self, *arguments: str, cwd: Path, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """``condor-mini ARGUMENTS``, with pipes."""
        process: subprocess.Popen[str] = subprocess.Popen(
            self.argv(*arguments),
            cwd=cwd,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **self.identity(),  # type: ignore[call-overload]
        )
        return process

    @contextlib.contextmanager
    def terminal(self, *arguments: str, cwd: Path) -> Iterator[Terminal]:
        """``condor-mini ARGUMENTS``, at a terminal; it is ended with the context."""
        descriptor, slave = os.openpty()
        with subprocess.Popen(
            self.argv(*arguments),
            cwd=cwd,
            env={**self.environment, "TERM": "xterm"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            **self.identity(),  # type: ignore[call-overload]
        ) as process:
            os.close(slave)
            try:
                yield Terminal(process=process, descriptor=descriptor)
            finally:
                if process.poll() is None:
                    process.terminate()
                os.close(descriptor)

    def argv(self, *arguments: str) -> list[str]:
        """The command line of ``condor-mini ARGUMENTS``."""
        return [self.python, "-m", "condor_mini", *arguments]

    def identity(self) -> dict[str, object]:
        """What makes a child process this person's."""
        if self.uid == os.getuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": list(self.groups)}


@pytest.fixture(scope="session")
def docker() -> Engine:
    """The real engine."""
    return find_engine("docker")


@pytest.fixture(scope="session")
def people(images: None) -> Iterator[dict[str, Person]]:
    """Root, where we are root, and an ordinary user who may use the engine."""
    del images
    if os.getuid() != 0:
        yield {"user": Person(uid=os.getuid(), gid=os.getgid())}
        return
    name, made = f"condor-mini-test-{WORKER}", False
    try:
        name = pwd.getpwuid(UID).pw_name
    except KeyError:
        subprocess.run(["useradd", "--uid", str(UID), "--user-group", name], check=True)
        made = True
    socket_group = Path("/var/run/docker.sock").stat().st_gid
    home = Path(tempfile.mkdtemp(prefix="condor-mini-home-"))
    os.chown(home, UID, UID)
    home.chmod(0o755)
    user = Person(
        uid=UID,
        gid=UID,
        groups=(socket_group,),
        python=_python_for_all(),
        environment={
            **os.environ,
            "HOME": str(home),
            "USER": name,
            "PYTHONPATH": str(_copy_of_us(home / "lib")),
        },
    )
    yield {"root": Person(uid=0, gid=0), "user": user}
    shutil.rmtree(home)
    if made:
        subprocess.run(["userdel", name], check=True)


def _python_for_all() -> str:
    """A Python that an ordinary user can run: ours may be in root's home."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            subprocess.run([candidate, "-c", ""], user=UID, group=UID, check=True)
            return candidate
    pytest.fail("no Python that an ordinary user can run")


def _copy_of_us(to: Path) -> Path:
    """The package and what it needs, where everybody can read it."""
    for name in ("click", "markdown_it", "mdurl", "pygments", "rich", "condor_mini"):
        spec = find_spec(name)
        assert spec is not None
        shutil.copytree(Path(str(spec.origin)).parent, to / name)
    return to


@pytest.fixture(scope="session")
def images() -> None:
    """The image, up to date: no test of another thing waits for a build."""
    built = subprocess.run(
        [sys.executable, "-m", "condor_mini", "build", "mini"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr


@pytest.fixture(scope="session", params=WHO)
def person(request: pytest.FixtureRequest, people: dict[str, Person]) -> Person:
    """Each of the callers."""
    return people[request.param]


@pytest.fixture(scope="session")
def anyone(people: dict[str, Person]) -> Person:
    """One of the callers, where it does not matter which."""
    return people[WHO[0]]


@contextlib.contextmanager
def _directory(docker: Engine, owner: Person) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="condor-mini-test-"))
    os.chown(path, owner.uid, owner.gid)
    try:
        yield path
    finally:
        for info in pools_below(docker, path):
            docker.remove(info.id)
        shutil.rmtree(path)


def pools_below(docker: Engine, directory: Path) -> list[ContainerInfo]:
    """The personal pools whose state is in this directory."""
    return [
        info
        for info in docker.containers({"io.condor-mini.role": "mini"})
        if Path(info.labels["io.condor-mini.state"]).is_relative_to(directory)
    ]


@pytest.fixture
def directory(docker: Engine, person: Person) -> Iterator[Path]:
    """An empty directory of the caller's; no pool outlives it."""
    with _directory(docker, person) as path:
        yield path


@pytest.fixture
def here(docker: Engine, anyone: Person) -> Iterator[Path]:
    """An empty directory of ``anyone``'s; no pool outlives it."""
    with _directory(docker, anyone) as path:
        yield path


@pytest.fixture(scope="module")
def kept(docker: Engine, person: Person) -> Iterator[Path]:
    """A directory of the caller's with a space and a comma, and a pool that stays for the module.

    Tests use it by ``person.run("run", "--keep", …, cwd=kept)``.
    """
    with _directory(docker, person) as path:
        place = path / "with space, and comma"
        place.mkdir()
        os.chown(place, person.uid, person.gid)
        started = person.run("run", "--keep", "--", "true", cwd=place)
        assert started.returncode == 0, started.stderr
        yield place


@pytest.fixture
def leftovers(docker: Engine) -> Callable[[Path], list[str]]:
    """What is left of the pools in a directory: containers, mounts, scratch directories."""

    def is_left(scratch: Path) -> bool:
        process = scratch.name.split("-")[2]  # of a test beside us, if it is alive
        return process == str(os.getpid()) or not Path("/proc", process).exists()

    def find(directory: Path) -> list[str]:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        return [
            *(info.name for info in pools_below(docker, directory)),
            *(line for line in mounts if directory.name in line),
            *(str(path) for path in Path("/run").glob("condor-mini-*-*") if is_left(path)),
        ]

    return find


@pytest.fixture
def pools(docker: Engine) -> Callable[[Path], list[ContainerInfo]]:
    """The pools in a directory."""
    return lambda directory: pools_below(docker, directory)


@pytest.fixture
def write() -> Callable[[Person, Path, str], Path]:
    """Writes a file that is the caller's."""

    def write(person: Person, path: Path, text: str) -> Path:
        path.write_text(text)
        os.chown(path, person.uid, person.gid)
        return path

    return write


@pytest.fixture
def write_job(write: Callable[[Person, Path, str], Path]) -> Callable[..., Path]:
    """Writes a submit file of a shell script; more of its lines can be given."""

    def write_job(
        person: Person, folder: Path, script: str, *lines: str, queue: str = "queue"
    ) -> Path:
        text = [
            "executable = /bin/sh",
            f"arguments = \"-c '{script}'\"",
            "transfer_executable = false",
            'transfer_output_files = ""',
            *lines,
            queue,
        ]
        return write(person, folder / "job.sub", "\n".join(text) + "\n")

    return write_job


@pytest.fixture
def owners() -> Callable[[Path], set[tuple[int, int]]]:
    """The owners, UID and GID, of all that is in a directory."""

    def find(directory: Path) -> set[tuple[int, int]]:
        status = [path.lstat() for path in directory.rglob("*")]
        return {(s.st_uid, s.st_gid) for s in status if not stat.S_ISSOCK(s.st_mode)}

    return find


@pytest.fixture
def until() -> Callable[[Callable[[], bool], str], None]:
    """Waits until something is so."""

    def until(holds: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
        wait_until(lambda: None if holds() else what, timeout_s=timeout_s)

    return until


@pytest.fixture
def submit(
    person: Person, kept: Path, write_job: Callable[..., Path]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Submits a job of this script and these lines in the kept pool, and sees it through."""

    def submit(script: str, *lines: str, queue: str = "queue") -> subprocess.CompletedProcess[str]:
        write_job(person, kept, script, *lines, queue=queue)
        return person.run("run", "--keep", "--submit", "job.sub", cwd=kept)

    return submit
