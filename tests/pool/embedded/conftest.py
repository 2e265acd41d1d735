"""Callers of the embedded engine who are not root, or whose machine refuses namespaces.

Each has a home, a cache and containers of their own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..people import Person, copy_of_cache, copy_of_us, embedded_at, python_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
UID, UID_PATHS, UID_BAD_INPUT = (number + 10 * WORKER for number in (7201, 7202, 7204))
"""Of people whom the machine has no name for, and gives no other users; each worker has its own."""
NAMED_UID, NAME = 7203 + 10 * WORKER, f"condor-mini-subids-{WORKER}"
"""Of somebody who may have users of their own: useradd(8) gives everybody a range of them."""
SUBMIT_FILE = """
executable = /bin/sh
arguments = "-c 'id -un; echo it is done; exit 3'"
transfer_executable = false
transfer_output_files = ""
output = out
log = log
queue
"""
CALLERS = ("user", "user-paths", "user-subids", "root-paths")
UNASKED = ("user-paths", pytest.param("user", marks=pytest.mark.slow))
"""For whom tests run without ``--pool-engines``; nodes of Slurm and personal pools are theirs."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of callers once for each that there can be here."""
    if "caller" in metafunc.fixturenames:
        all_asked = os.getuid() == 0 and metafunc.config.getoption("--pool-engines")
        names = CALLERS if all_asked else UNASKED
        metafunc.parametrize("caller", names, indirect=True, scope="module")


@contextlib.contextmanager
def account() -> Iterator[None]:
    """The account ``NAME``, unless there is one."""
    options = ("--uid", str(NAMED_UID), "--user-group", "--no-create-home")
    added = subprocess.run(["useradd", *options, NAME], capture_output=True, check=False, text=True)
    assert added.returncode in (0, 4, 9), added.stderr  # useradd(8): it is there
    try:
        yield
    finally:
        if added.returncode == 0:
            subprocess.run(["userdel", NAME], check=False, capture_output=True)


def person_at(home: Path, uid: int, **variables: str) -> Person:
    """Somebody with that home, which has everything that it takes."""
    environment = {
        **os.environ,
        "CONDOR_MINI_ENGINE": "embedded",
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_STATE_HOME": str(home / "state"),
        **variables,
    }
    python = python_for(uid) if uid != os.getuid() else None
    if python is not None:
        environment["PYTHONPATH"] = str(copy_of_us(home / "lib"))
    copy_of_cache(home / "cache", uid)
    person = Person(uid=uid, gid=uid, engine=embedded_at(home / "state"), environment=environment)
    return person if python is None else replace(person, python=python)


def new_home(uid: int, below: str = "") -> Path:
    """An empty directory of that user's, which everybody can enter.

    Its path is no longer than a usual home's: proot translates the path of ssh's socket, and a
    longer one does not fit (unix(7)).
    """
    top = Path(tempfile.mkdtemp(prefix="cm-"))
    top.chmod(0o755)
    home = top / below
    home.mkdir(parents=True, exist_ok=True)
    for place in (home, *home.parents):
        if place.is_relative_to(top):
            os.chown(place, uid, uid)
    return home


def remove_home(home: Path) -> None:
    """Remove it, and all containers that are left in it."""
    engine = embedded_at(home / "state")
    engine.remove(*(info.id for info in engine.containers({})))
    top = next(place for place in (home, *home.parents) if place.parent == Path("/tmp"))
    shutil.rmtree(top)


@pytest.fixture(scope="module")
def caller(request: pytest.FixtureRequest, pool_engine_name: str) -> Iterator[Person]:
    """One of ``CALLERS``."""
    assert pool_engine_name == "embedded"
    kind: str = request.param
    we = os.getuid()
    uid = (
        {"user": UID, "user-paths": UID_PATHS, "user-subids": NAMED_UID}.get(kind, 0)
        if we == 0
        else we
    )
    with account() if kind == "user-subids" else contextlib.nullcontext():
        home = new_home(uid)
        sandbox = {"CONDOR_MINI_SANDBOX": "paths"} if kind.endswith("-paths") else {}
        try:
            yield person_at(home, uid, **sandbox)
        finally:
            remove_home(home)


@pytest.fixture
def here(caller: Person) -> Iterator[Path]:
    """An empty directory of the caller's."""
    place = new_home(caller.uid)
    yield place
    remove_home(place)


@pytest.fixture
def job(caller: Person, here: Path) -> Path:
    """A submit file of the caller's."""
    (here / "job.sub").write_text(SUBMIT_FILE)
    os.chown(here / "job.sub", caller.uid, caller.gid)
    return here


@pytest.fixture(scope="module")
def left(caller: Person) -> Callable[[], list[str]]:
    """What there is of the caller's containers: files and processes."""
    home = caller.environment["HOME"]

    def find() -> list[str]:
        engine = Path(home, "state", "condor-mini", "engine")
        found = [
            str(path.relative_to(engine))
            for kind in ("containers", "volumes", "networks")
            for path in (engine / kind).glob("*")
            if path.name not in (".lock", "default")
        ]
        return found + processes(caller)

    return find


def processes(person: Person) -> list[str]:
    """The command lines of an ordinary user; of all in which that person's home is named."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            theirs = person.uid != os.getuid() and place.stat().st_uid == person.uid
            # Without words are those that have ended, and are yet to be waited for.
            if words and (theirs or person.environment["HOME"] in words):
                found.append(words)
    return found
