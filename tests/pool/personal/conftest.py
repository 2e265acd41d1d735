"""Callers of ``condor-mini run``: root and an ordinary user, each with directories of their own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until

from ..people import (
    Person,
    copy_of_cache,
    copy_of_us,
    embedded_at,
    python_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from condor_mini.engine import ContainerInfo, Engine

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
UID = 4321 + 10 * int(WORKER)
"""A number that no image and no machine has a name for; another one beside each other."""
WHO = ("root", "user") if os.getuid() == 0 else ("user",)


@pytest.fixture(scope="session")
def people(
    images: None, pool_engine: Engine, pool_engine_name: str, state_home: Path
) -> Iterator[dict[str, Person]]:
    """Root, where we are root, and an ordinary user who may use the engine."""
    del images
    ours = {
        **os.environ,
        "CONDOR_MINI_ENGINE": pool_engine_name,
        "XDG_STATE_HOME": str(state_home),
    }
    me = Person(uid=os.getuid(), gid=os.getgid(), engine=pool_engine, environment=ours)
    if os.getuid() != 0:
        yield {"user": me}
        return
    name, made = f"condor-mini-test-{WORKER}", False
    try:
        name = pwd.getpwuid(UID).pw_name
    except KeyError:
        subprocess.run(["useradd", "--uid", str(UID), "--user-group", name], check=True)
        made = True
    home = Path(tempfile.mkdtemp(prefix="condor-mini-home-"))
    os.chown(home, UID, UID)
    home.chmod(0o755)
    user = Person(
        uid=UID,
        gid=UID,
        engine=pool_engine,
        python=python_for(UID),
        environment={
            **ours,
            "HOME": str(home),
            "USER": name,
            "PYTHONPATH": str(copy_of_us(home / "lib")),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_STATE_HOME": str(home / "state"),
        },
    )
    if pool_engine_name == "embedded":
        user.engine = embedded_at(home / "state")
        copy_of_cache(home / "cache", UID)
    else:
        user.groups = (Path("/var/run/docker.sock").stat().st_gid,)
    yield {"root": me, "user": user}
    shutil.rmtree(home)
    if made:
        subprocess.run(["userdel", name], check=True)


@pytest.fixture(scope="session")
def images(pool_engine_name: str) -> None:
    """The image, up to date: no test of another thing waits for a build."""
    built = subprocess.run(
        [sys.executable, "-m", "condor_mini", "build", "mini", "--engine", pool_engine_name],
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


@pytest.fixture
def one_caller(person: Person, people: dict[str, Person], pytestconfig: pytest.Config) -> None:
    """Leave out all callers but the last, unless --slow is given."""
    if person is not people[WHO[-1]] and not pytestconfig.getoption("--slow"):
        pytest.skip("one kind of caller is enough: the others with --slow")


@contextlib.contextmanager
def directory_of(owner: Person) -> Iterator[Path]:
    """An empty directory of somebody's; no pool outlives it."""
    path = Path(tempfile.mkdtemp(prefix="condor-mini-test-"))
    os.chown(path, owner.uid, owner.gid)
    try:
        yield path
    finally:
        for info in pools_below(owner, path):
            owner.engine.remove(info.id)
        shutil.rmtree(path)


def pools_below(owner: Person, directory: Path) -> list[ContainerInfo]:
    """The personal pools whose state is in this directory."""
    return [
        info
        for info in owner.engine.containers({"io.condor-mini.role": "mini"})
        if Path(info.labels["io.condor-mini.state"]).is_relative_to(directory)
    ]


def _owner(people: dict[str, Person], directory: Path) -> Person:
    uid = directory.stat().st_uid
    return next(person for person in people.values() if person.uid == uid)


@pytest.fixture
def directory(person: Person) -> Iterator[Path]:
    """An empty directory of the caller's; no pool outlives it."""
    with directory_of(person) as path:
        yield path


@pytest.fixture
def here(anyone: Person) -> Iterator[Path]:
    """An empty directory of ``anyone``'s; no pool outlives it."""
    with directory_of(anyone) as path:
        yield path


@pytest.fixture(scope="module")
def kept(person: Person) -> Iterator[Path]:
    """A directory of the caller's with a space and a comma, and a pool that stays for the module.

    Tests use it by ``person.run("run", "--keep", …, cwd=kept)``.
    """
    with directory_of(person) as path:
        place = path / "with space, and comma"
        place.mkdir()
        os.chown(place, person.uid, person.gid)
        started = person.run("run", "--keep", "--", "true", cwd=place)
        assert started.returncode == 0, started.stderr
        yield place


@pytest.fixture
def leftovers(people: dict[str, Person]) -> Callable[[Path], list[str]]:
    """What is left of the pools in a directory: containers, mounts, scratch directories."""

    def is_left(scratch: Path) -> bool:
        process = scratch.name.split("-")[2]  # of a test beside us, if it is alive
        return process == str(os.getpid()) or not Path("/proc", process).exists()

    def find(directory: Path) -> list[str]:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        return [
            *(info.name for info in pools_below(_owner(people, directory), directory)),
            *(line for line in mounts if directory.name in line),
            *(str(path) for path in Path("/run").glob("condor-mini-*-*") if is_left(path)),
        ]

    return find


@pytest.fixture
def pools(people: dict[str, Person]) -> Callable[[Path], list[ContainerInfo]]:
    """The pools in a directory."""
    return lambda directory: pools_below(_owner(people, directory), directory)


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

    def submit(
        script: str, *lines: str, queue: str = "queue", options: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        write_job(person, kept, script, *lines, queue=queue)
        return person.run("run", "--keep", "--submit", "job.sub", *options, cwd=kept)

    return submit
