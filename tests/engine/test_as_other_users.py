"""The same contract where the user is not root: the suite runs once more, as somebody else.

``namespaces-user`` has one UID, ``namespaces-subuid`` has subordinate ones (subuid(5)), and
``paths-user`` is in a place where the kernel refuses namespaces to everybody. The users are made
for the run: their accounts are seen in a mount namespace of its own, and not on the host.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from condor_mini.engine.embedded.tools import Tools
from sandbox_programs import sandbox_runtime

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
SUITE_TIMEOUT_S = 240
SUITE = tuple(
    f"tests/engine/test_{name}.py"
    for name in (
        *("attach", "containers", "embedded", "images", "inside", "networks", "ports", "volumes"),
    )
)
"""Not the logs: they are written and read the same way by everybody."""
SUITE_OF_ONE = tuple(
    f"tests/engine/test_{name}.py" for name in ("containers", "embedded", "inside")
)
BINFMT = Path("/proc/sys/fs/binfmt_misc")
ACCOUNTS = ("passwd", "group", "subuid", "subgid")


@dataclass(frozen=True, kw_only=True)
class User:
    """Who runs the suite, and with which engine."""

    name: str
    uid: int
    engine: str
    subordinate: int | None = None
    """The first of 65536 subordinate UIDs."""
    refused: bool = False
    """Whether namespaces are."""
    suite: tuple[str, ...] = SUITE

    def entry(self, file: str, home: Path) -> str:
        """What stands in a file of ``/etc`` about the user."""
        return {
            "passwd": f"{self.name}:x:{self.uid}:{self.uid}::{home}:/bin/sh\n",
            "group": f"{self.name}:x:{self.uid}:\n",
        }.get(file, f"{self.name}:{self.subordinate}:65536\n" if self.subordinate else "")


USERS = {
    # What differs from the next one: processes and files that are all of one UID.
    "namespaces-user": User(name="cm-test-one", uid=7101, engine="namespaces", suite=SUITE_OF_ONE),
    "namespaces-subuid": User(
        name="cm-test-many", uid=7102, engine="namespaces", subordinate=710_200_000
    ),
    "paths-user": User(name="cm-test-paths", uid=7103, engine="paths", refused=True),
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """A suite that goes on."""

    process: subprocess.Popen[bytes]
    report: IO[str]
    home: Path


@pytest.fixture(scope="session")
def runtime_path() -> Path:
    """The runtime of root, which the others use as well."""
    if os.geteuid() != 0:
        pytest.skip("only root can be other users: --engines namespaces,paths is about this one")
    return sandbox_runtime().path


@pytest.fixture(scope="session")
def runs(
    runtime_path: Path, busybox: Path, pytestconfig: pytest.Config
) -> Iterator[dict[str, Run]]:
    """The suites of all users that were asked for, which go on at the same time."""
    chosen = str(pytestconfig.getoption("--engines")).split(",")
    started: dict[str, Run] = {}
    try:
        for name, user in USERS.items():
            if name in chosen:
                started[name] = begun(user, runtime_path, busybox, pytestconfig)
        yield started
    finally:
        for run in started.values():
            run.process.kill()
            run.process.wait()
            run.report.close()
            shutil.rmtree(run.home, ignore_errors=True)


def shown(paths: Iterable[Path], scratch: Path) -> Iterator[str]:
    """A script that lets everybody reach paths, some of which are in a directory of root's own."""
    for path in paths:
        closed = [place for place in path.parents if not place.stat().st_mode & 0o001]
        if not closed:
            continue
        outermost = str(closed[-1])
        aside = str(scratch / outermost.strip("/").replace("/", "-"))
        yield f"""
            if [ ! -e {aside} ]; then
                mkdir {aside}
                mount --rbind {outermost} {aside}
                mount -t tmpfs -o mode=755 tmpfs {outermost}
            fi
            if [ ! -e {path} ]; then
                mkdir -p {path}
                mount --rbind {aside}/{path.relative_to(outermost)} {path}
            fi
        """


def becoming(user: User, home: Path, needed: Iterable[Path], tools: Tools) -> list[str]:
    """The command line behind which a command is the user's."""
    script = []
    for file in ACCOUNTS:
        accounts = home / file
        there = Path("/etc") / file
        if there.exists():
            accounts.write_text(there.read_text() + user.entry(file, home))
            script.append(f"mount --bind {accounts} {there}")
    if BINFMT.exists():
        # As systemd has one on each host: in a user namespace it is not to be parted from /proc.
        script.append(f"mount -t tmpfs tmpfs {BINFMT}")
    script += shown(needed, home)
    user_namespace = []
    if user.refused:
        user_namespace = ["--user", "--map-users=0:0:4294967295", "--map-groups=0:0:4294967295"]
        script += [f"echo 0 >/proc/sys/user/max_{kind}_namespaces" for kind in ("user", "mnt")]
    become = ("setpriv", f"--reuid={user.uid}", f"--regid={user.uid}", "--clear-groups")
    script.append(f'exec {shlex.join(become)} "$@"')
    return tools.argv(
        *("unshare", "--mount", *user_namespace, "/bin/sh", "-euc", "\n".join(script), "sh"),
    )


def processes_of(user: User) -> list[str]:
    """What runs as the user, or as one of the subordinate ones."""
    first = user.subordinate or user.uid
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            uid = place.stat().st_uid
            said = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if uid == user.uid or (user.subordinate and first <= uid < first + 65536):
            found.append(f"{place.name} {said}")
    return found


def begun(user: User, runtime_path: Path, busybox: Path, pytestconfig: pytest.Config) -> Run:
    """Begin the suite as a user."""
    if user.subordinate and shutil.which("newuidmap") is None:
        pytest.fail("There is no newuidmap: install the package uidmap", pytrace=False)
    home = Path(tempfile.mkdtemp(prefix=f"{user.name}-"))
    os.chown(home, user.uid, user.uid)
    environment = {
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "PATH": f"{busybox.parent}:{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_CACHE_HOME": str(runtime_path.parents[2]),
        **({"CONDOR_MINI_TEST_REFUSED": "1"} if user.refused else {}),
    }
    needed = [Path(sys.prefix), Path(sys.base_prefix), REPOSITORY, runtime_path, busybox.parent]
    suite = [
        *(sys.executable, "-m", "pytest", *user.suite, "--engines", user.engine, "-q"),
        *("-p", "no:cacheprovider", f"--basetemp={home}/pytest", "--durations=10"),
        *("-k", str(pytestconfig.getoption("keyword"))),
    ]
    report = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the run)
    process = subprocess.Popen(
        [*becoming(user, home, needed, Tools(runtime_path / "root")), *suite],
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=report,
        stderr=subprocess.STDOUT,
    )
    return Run(process=process, report=report, home=home)


@pytest.mark.timeout(SUITE_TIMEOUT_S + 30)
def test_contract(other_user: str, runs: dict[str, Run]) -> None:
    """The contract holds for the user, and when it is over nothing of theirs runs."""
    user, run = USERS[other_user], runs[other_user]
    status = run.process.wait(timeout=SUITE_TIMEOUT_S)
    run.report.seek(0)
    said = run.report.read()
    sys.stdout.write(said)
    if status != 0:
        pytest.fail(f"as {user}:\n{said}", pytrace=False)

    def left() -> str | None:
        return "; ".join(processes_of(user)) or None

    wait_until(left, timeout_s=5)
