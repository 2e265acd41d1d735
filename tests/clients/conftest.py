"""A pool of an ordinary user for clients that others wrote, on this machine and in the pool."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.clients.catalogue import PYTHON, cache
from tests.pool.embedded.conftest import new_home, remove_home
from tests.pool.people import copy_of_us

from sandbox_programs import sandbox_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UID = 7301
"""Of the ordinary user, if root tests: HTCondor runs no jobs for root."""
POOL = "clients"
TIMEOUT_S = 240.0
CPUS = 4
POOL_FILE = """
version: 1
name: {pool}
shared: {{path: {work}, source: {work}}}
access_points: [{{image: host-files, volumes: ["{cache}:{cache}:ro"]}}]
execution_points: [{{image: host-files, cpus: {cpus}, volumes: ["{cache}:{cache}:ro"]}}]
"""


@dataclass(frozen=True, kw_only=True)
class User:
    """An ordinary user with a pool, whose nodes see a directory at the path that it has here."""

    uid: int
    command: tuple[str, ...]
    """``condor-mini``."""
    environment: dict[str, str]
    work: Path

    def condor_mini(
        self, *argv: str, cwd: Path | None = None, timeout_s: float = TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run ``condor-mini ARGV`` to its end, whatever its status."""
        identity = {} if self.uid == os.geteuid() else {"user": self.uid, "group": self.uid}
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            [*self.command, *argv],
            cwd=cwd or self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
            **identity,
            extra_groups=[],
        )

    def here(self, *argv: str, cwd: Path | None = None) -> str:
        """Run a command on this machine, with the pool's client environment; it succeeds."""
        return self._succeeds("client", "--tools", "-q", "--", *argv, cwd=cwd)

    def there(self, *argv: str, cwd: Path | None = None) -> str:
        """Run a command on the access point, in the same directory; it succeeds."""
        script = f"cd {shlex.quote(str(cwd or self.work))} && exec {shlex.join(argv)}"
        return self._succeeds("exec", "--", "bash", "-c", script)

    def _succeeds(self, *argv: str, cwd: Path | None = None) -> str:
        result = self.condor_mini(*argv, cwd=cwd)
        assert result.returncode == 0, f"{argv}: {result.stdout}"
        return result.stdout


@pytest.fixture(scope="session")
def user() -> Iterator[User]:
    """The user, and their pool."""
    uid = UID if os.geteuid() == 0 else os.geteuid()
    home = new_home(uid)
    work = home / "work"
    work.mkdir()
    os.chown(work, uid, uid)
    cache().mkdir(parents=True, exist_ok=True)
    user = User(uid=uid, command=_command(home, uid), environment=_environment(home), work=work)
    _copy_runtime(home / "cache", uid)
    file = home / "pool.yaml"
    file.write_text(POOL_FILE.format(pool=POOL, work=work, cache=cache(), cpus=CPUS))
    try:
        made = user.condor_mini("create", "-c", str(file))
        assert made.returncode == 0, made.stdout
        yield user
    finally:
        user.condor_mini("delete", POOL)
        remove_home(home)


@pytest.fixture
def folder(user: User, request: pytest.FixtureRequest) -> Path:
    """An empty directory that all nodes see."""
    path: Path = user.work / request.node.name.replace("[", "-").rstrip("]")
    path.mkdir()
    os.chown(path, user.uid, user.uid)
    return path


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("LANG", "TERM")}
    return {
        **kept,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "USER": "jovyan",
        "LOGNAME": "jovyan",
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_STATE_HOME": str(home / "state"),
        "CONDOR_MINI_ENGINE": "embedded",
        "CONDOR_MINI_NAME": POOL,
    }


def _command(home: Path, uid: int) -> tuple[str, ...]:
    """Return ``condor-mini`` as that user runs it, without a variable that clients inherit."""
    if uid == os.geteuid():
        return (sys.executable, "-m", "condor_mini")
    venv = home / "condor-mini"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", str(venv)], check=True)
    packages = next(venv.glob("lib/python3*/site-packages"))
    (packages / "condor-mini.pth").write_text(f"{copy_of_us(home / 'lib')}\n")
    return (str(venv / "bin/python"), "-m", "condor_mini")


def _copy_runtime(cache_home: Path, uid: int) -> None:
    """Give the user a runtime of their own: only a file's owner may link it."""
    made = sandbox_runtime()
    target = cache_home / "condor-mini/runtime" / made.path.name
    shutil.copytree(made.path, target, symlinks=True)
    subprocess.run(["chown", "-R", f"{uid}:{uid}", str(cache_home)], check=True)
