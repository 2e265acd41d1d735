"""A pool of an ordinary user for clients that others wrote, on this machine and in the pool."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.clients.catalogue import PYTHON, cache
from tests.pool.people import copy_of_us, embedded_at

from sandbox_programs import sandbox_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

UID = 7301
"""Of the ordinary user, if root tests: HTCondor runs no jobs for root."""
POOL = "clients"
TIMEOUT_S = 240.0


@dataclass(frozen=True, kw_only=True)
class User:
    """An ordinary user with a pool, whose nodes see a directory at the path that it has here."""

    uid: int
    command: tuple[str, ...]
    """``condor-mini``."""
    environment: dict[str, str]
    work: Path

    def condor_mini(
        self, *argv: str, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run ``condor-mini ARGV`` to its end, whatever its status."""
        identity = {} if self.uid == os.geteuid() else {"user": self.uid, "group": self.uid}
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            [*self.command, *argv],
            cwd=cwd or self.work,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            **identity,
            extra_groups=[],
        )

    def here(self, *argv: str, cwd: Path, venv: Path) -> str:
        """Run a command on this machine as a client of the pool; it succeeds."""
        return self._succeeds("client", "--tools", "-q", "--", *_in(venv, cwd, argv))

    def there(self, *argv: str, cwd: Path, venv: Path) -> str:
        """Run a command on the access point, in the same directory; it succeeds."""
        return self._succeeds("exec", "--", *_in(venv, cwd, argv))

    def personal(self, *argv: str, cwd: Path, venv: Path) -> str:
        """Run a command in a personal pool of that directory; it succeeds."""
        script = f". {venv}/bin/activate && exec {shlex.join(argv)}"
        # The environments of all clients are in this home.
        options = ("run", "--host-files", "--state", f"{cwd}/state")
        return self._succeeds(*options, "--", "bash", "-c", script, cwd=cwd, HOME=str(cache()))

    def _succeeds(self, *argv: str, cwd: Path | None = None, **variables: str) -> str:
        result = self.condor_mini(*argv, cwd=cwd, **variables)
        assert result.returncode == 0, f"{argv}: {result.stdout}"
        return result.stdout


@pytest.fixture(scope="session")
def user() -> Iterator[User]:
    """The user, and their pool."""
    uid = UID if os.geteuid() == 0 else os.geteuid()
    cache().mkdir(parents=True, exist_ok=True)
    # Not below /tmp, where DAGMan keeps no log.
    home = Path(tempfile.mkdtemp(prefix="home-", dir=cache().parent))
    work = home / "work"
    work.mkdir()
    for path in (home, work):
        path.chmod(0o755)
        os.chown(path, uid, uid)
    user = User(uid=uid, command=_command(home, uid), environment=_environment(home), work=work)
    _copy_runtime(home / "cache", uid)
    mounts = (f"--mount={work}", f"--mount={cache()}")
    try:
        made = user.condor_mini("create", "--host-files", "--execute=2", *mounts)
        assert made.returncode == 0, made.stdout
        yield user
    finally:
        user.condor_mini("delete")
        engine = embedded_at(home / "state")
        engine.remove(*(info.id for info in engine.containers({})))
        shutil.rmtree(home)


@pytest.fixture
def folder(user: User, request: pytest.FixtureRequest) -> Path:
    """An empty directory that all nodes see."""
    path: Path = user.work / re.sub(r"\W+", "-", request.node.name)
    path.mkdir()
    os.chown(path, user.uid, user.uid)
    return path


def _in(venv: Path, cwd: Path, argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command line that runs a command in a directory and an environment."""
    script = f"cd {shlex.quote(str(cwd))} && . {venv}/bin/activate && exec {shlex.join(argv)}"
    return "bash", "-c", script


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
    # Programs for the host are the owner's: they have the path of their loader in them.
    others = shutil.ignore_patterns("on-host-*")
    shutil.copytree(made.path, target, symlinks=True, ignore=others)
    subprocess.run(["chown", "-R", f"{uid}:{uid}", str(cache_home)], check=True)
