"""Podman for the tests: installed, told what this machine can do, and for an ordinary user too."""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import signal
import stat
import subprocess
import sys
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PACKAGES = (
    *("podman", "netavark", "aardvark-dns", "runc", "catatonit"),
    *("uidmap", "slirp4netns", "fuse-overlayfs"),
)
CHECKOUT = Path(__file__).parents[2]
TUN = Path("/dev/net/tun")
APT_TIMEOUT_S = 600
NPROC = 16384

CONTAINERS_CONF = """\
# Podman raises these two to a million, which root may do only where it has CAP_SYS_RESOURCE.
[containers]
default_ulimits = ["nofile={nofile}:{nofile}", "nproc={nproc}:{nproc}"]

# crun refuses machines that have both versions of cgroups.
[engine]
runtime = "runc"
"""

STORAGE_CONF = """\
# Without it Debian's Podman copies each layer for each container of an ordinary user.
[storage]
driver = "overlay"
"""


def install() -> None:
    """Get what is missing of Debian's Podman; not for us to do where we are not root."""
    if shutil.which("podman") and shutil.which("newuidmap") and shutil.which("slirp4netns"):
        return
    assert os.geteuid() == 0, f"the tests need: sudo apt-get install {' '.join(PACKAGES)}"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        argv = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments]
        done = subprocess.run(
            argv,
            env=environment,
            capture_output=True,
            text=True,
            timeout=APT_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def configure(folder: Path) -> None:
    """Let Podman, called from here on, know what this machine can do."""
    if "CONTAINERS_CONF" in os.environ:
        return
    nofile = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    nproc = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    if nproc == resource.RLIM_INFINITY or nproc > NPROC:
        nproc = NPROC
    path = folder / "containers.conf"
    path.write_text(CONTAINERS_CONF.format(nofile=nofile, nproc=nproc))
    os.environ["CONTAINERS_CONF"] = str(path)


@dataclass(frozen=True, kw_only=True)
class OrdinaryUser:
    """A user who was made for the tests, with all that rootless Podman wants."""

    name: str
    uid: int
    gid: int
    home: Path

    @property
    def runtime_dir(self) -> Path:
        """What a login would have made."""
        return Path(f"/run/user/{self.uid}")

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of ours but the way to programs."""
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.home),
            "USER": self.name,
            "LOGNAME": self.name,
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": str(self.runtime_dir),
            "CONTAINERS_CONF": str(self.home / "containers.conf"),
        }

    def run_tests(
        self, *files: Path, timeout_s: float, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run tests of this checkout on the user's own Podman, the slow ones too."""
        argv = [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            "--durations=10",
            *("--rootdir", str(CHECKOUT), "--config-file", str(CHECKOUT / "pyproject.toml")),
            *("--engines", "podman", "--slow"),
        ]
        return self.run(
            [*argv, *(str(CHECKOUT / file) for file in files)],
            timeout_s=timeout_s,
            environment=environment,
        )

    def run(
        self, argv: list[str], *, timeout_s: float, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the user's home, whatever its status.

        Our Python or the checkout may be in root's home, where nobody else can go: the command
        gets a view of the machine of its own, in which those folders can be passed.
        """
        needed = (sys.prefix, sys.base_prefix, Path(__file__).parent)
        closed = dict.fromkeys(
            folder
            for path in needed
            for folder in reversed(Path(path).resolve().parents)
            if not folder.stat().st_mode & stat.S_IXOTH
        )
        return subprocess.run(
            [
                *("unshare", "--mount", "sh", str(Path(__file__).parent / "as-user.sh")),
                *(self.name, *map(str, closed), "--", *argv),
            ],
            cwd=self.home,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def processes(self) -> list[int]:
        """What runs in the user's name."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(FileNotFoundError, ProcessLookupError):
                if folder.stat().st_uid == self.uid:
                    found.append(int(folder.name))
        return found


@contextmanager
def ordinary_user() -> Iterator[OrdinaryUser]:
    """Makes a user; removes all that the user has in the end."""
    name = f"condor-mini-{uuid.uuid4().hex[:6]}"
    for file in ("/etc/subuid", "/etc/subgid"):
        Path(file).touch()  # useradd gives ids only where there is a list of them
    subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", name], check=True)
    try:
        entry = pwd.getpwnam(name)
        user = OrdinaryUser(name=name, uid=entry.pw_uid, gid=entry.pw_gid, home=Path(entry.pw_dir))
        _furnish(user)
        try:
            yield user
        finally:
            _clear(user)
    finally:
        subprocess.run(["userdel", "--remove", name], capture_output=True, check=True)


def _furnish(user: OrdinaryUser) -> None:
    """What a login and a desktop's device manager would do, and the two files of settings."""
    user.runtime_dir.parent.mkdir(exist_ok=True)
    user.runtime_dir.mkdir(mode=0o700)
    os.chown(user.runtime_dir, user.uid, user.gid)
    if not TUN.exists():
        TUN.parent.mkdir(exist_ok=True)
        os.mknod(TUN, 0o600 | stat.S_IFCHR, os.makedev(10, 200))
    TUN.chmod(0o666)
    settings = user.home / ".config" / "containers"
    settings.mkdir(parents=True)
    (settings / "storage.conf").write_text(STORAGE_CONF)
    shutil.copy(os.environ["CONTAINERS_CONF"], user.home / "containers.conf")
    for path in (user.home, *user.home.rglob("*")):
        os.chown(path, user.uid, user.gid)


def _clear(user: OrdinaryUser) -> None:
    """End what still runs, and remove files that belong to the user's subordinate users."""
    user.run(["podman", "system", "reset", "--force"], timeout_s=60)

    def running() -> str | None:
        left = user.processes()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return f"{user.name} still runs {left}" if left else None

    wait_until(running, timeout_s=10)
    shutil.rmtree(user.runtime_dir)
    shutil.rmtree(Path("/tmp") / f"pytest-of-{user.name}", ignore_errors=True)
