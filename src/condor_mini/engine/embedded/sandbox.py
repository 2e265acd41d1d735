"""What isolates a container: it sees its own files, and little else of the host.

There are two kinds. Namespaces: the kernel gives the container its own mounts, processes, host name
and, where we are not root, users. proot: where the kernel refuses that, as inside most containers,
it follows each system call of the container's processes and translates the paths (ptrace(2)).
"""

from __future__ import annotations

import os
import shlex
import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed
from condor_mini.engine import command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from condor_mini.engine.embedded.tools import Tools

ROOT = "root"
"""A container's files, in its directory."""
NETWORK = "/.network"
"""Where each container sees its network's table of names."""
PID_FOLDER = "notes"
"""The directory in a container's into which its first process writes which one it is."""
PROBE_TIMEOUT_S = 10.0
MOST_IDS = 65536
CAP_SETGID, CAP_SETUID, CAP_SETPCAP = 6, 7, 8
"""Of linux/capability.h."""
PID_SCRIPT = (
    "read -r pid _ _ parent _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ start _ <{proc}/self/stat; "
    "read -r boot <{proc}/sys/kernel/random/boot_id; "
    'echo "$pid $parent $start $boot" >{notes}/pid'
)
"""Fields 1, 4 and 22 of proc_pid_stat(5): the process, as the host numbers it, and its parent."""


@dataclass(frozen=True, kw_only=True)
class View:
    """A container, as a sandbox needs to know it."""

    id: str
    directory: Path
    hostname: str
    mounts: Sequence[tuple[str, str, bool]]
    """Path of the host, path in the container, whether it is read-only."""
    uid: int
    gid: int
    as_caller: bool
    """Whether ``uid`` is us, under that number."""
    capabilities: Sequence[str] | None
    """Those that are kept, without ``CAP_``; None for all."""

    @property
    def root(self) -> Path:
        """Its files."""
        return self.directory / ROOT


@dataclass(frozen=True, kw_only=True)
class InitProcess:
    """A container's first process, and the one above it, by the host's numbers."""

    pid: int
    parent: int


class Sandbox(ABC):
    """How a container is isolated: one of the two kinds."""

    name: str
    has_users: bool
    """Whether its containers can have users of their own, where the caller may have several."""
    read_only_mounts: bool
    """Whether a mount can be read-only."""
    changes_modes: bool
    """Whether a program in it can change the mode of a file that is mounted (fchmodat2(2))."""

    def __init__(self, tools: Tools, *, many_users: bool) -> None:
        self.tools = tools
        self.many_users = many_users
        """Whether a container has users of its own, and not only us under one name."""

    @abstractmethod
    def problem(self) -> str | None:
        """Return why it does not work on this machine, or None."""

    @abstractmethod
    def start(self, view: View, script: str, workdir: str, argv: Sequence[str]) -> list[str]:
        """What starts a container's first process, after a script that root runs in it."""

    def mark(self, view: View) -> str:  # noqa: ARG002
        """A variable that all processes of a container have, where nothing ends them with it."""
        return ""

    @abstractmethod
    def enter(
        self, view: View, init: InitProcess, workdir: str, argv: Sequence[str], *, terminal: bool
    ) -> list[str]:
        """What runs a command in a container that runs; its stdin may be a terminal of it."""

    @abstractmethod
    def inside(self, view: View, program: str, *arguments: str) -> list[str]:
        """What runs one of our programs as root on a container's files, whether or not it runs."""

    @abstractmethod
    def as_owner(self, program: str, *arguments: str) -> list[str]:
        """What runs one of our programs on the host, as root of all the containers' files."""

    @abstractmethod
    def processes(self, view: View, init: InitProcess | None) -> list[int]:
        """Those to kill, so that nothing of the container runs any more."""

    def send(self, pid: int, number: int) -> None:
        """Send a signal to the command for which ``enter``'s process, of that number, runs."""
        os.kill(pid, number)

    @abstractmethod
    def open_terminal(self, init: InitProcess) -> tuple[int, int]:
        """A new terminal that the container knows: its master and the other side."""

    def _changes_ids(self, view: View) -> bool:
        return self.many_users and not view.as_caller

    def _command(self, workdir: str, argv: Sequence[str], *options: str) -> list[str]:
        # What holds signals back here would be inherited for good.
        return self.tools.inside("env", "--default-signal", *options, "-C", workdir, *argv)


def id_options(view: View) -> list[str]:
    """Options of setpriv(1)."""
    return [f"--reuid={view.uid}", f"--regid={view.gid}", "--clear-groups"]


def capability_options(capabilities: Sequence[str] | None) -> list[str]:
    """Options of setpriv(1), with which root can have these alone; None for all."""
    if capabilities is None:
        return []
    kept = "".join(f",+{name.lower()}" for name in capabilities)
    return ["--inh-caps=-all", f"--bounding-set=-all{kept}"]


def failure_reason(failure: CommandFailed) -> str:
    """The evidence of a probe that failed, in one line."""
    return (failure.stderr.strip().splitlines() or [f"status {failure.returncode}"])[0]


def can_change_users() -> bool:
    """Whether we may act as any user: root's right, unless something has taken it away."""
    ids = sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines())
    return os.geteuid() == 0 and _may(CAP_SETGID, CAP_SETUID) and ids >= MOST_IDS


def can_drop_capabilities() -> bool:
    """Whether we may take capabilities from the processes that we start, for good."""
    return _may(CAP_SETPCAP)


def _may(*capabilities: int) -> bool:
    status = Path("/proc/self/status").read_text("utf-8")
    (effective,) = (line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return all(int(effective, 16) >> number & 1 for number in capabilities)


def has_subordinate_ids(tools: Tools, directory: Path) -> bool:
    """Whether the host lets us have users of our own: newuidmap(1), subuid(5).

    And whether they can have files in the directory, which may be absent yet: a server of NFS gives
    no file of ours to another.
    """
    if shutil.which("newuidmap") is None or shutil.which("newgidmap") is None:
        return False
    existing = next(place for place in (directory, *directory.parents) if place.is_dir())
    chown = shlex.join(tools.argv("chown"))
    script = f'{chown} 1:1 "$1"; {chown} 0:0 "$1"; exec {shlex.join(tools.argv("cat"))} "$2"'
    try:
        with NamedTemporaryFile(dir=existing, prefix=".condor-mini-") as file:
            probe = tools.argv("dash", "-euc", script, "-", file.name, "/proc/self/uid_map")
            argv = tools.argv("unshare", "--user", "--map-root-user", "--map-auto", *probe)
            id_map = command.run(argv, timeout_s=PROBE_TIMEOUT_S).stdout
    except (CommandFailed, OSError):
        return False
    return sum(int(line.split()[2]) for line in id_map.splitlines()) >= MOST_IDS


def environment_of(image: Mapping[str, str], own: Mapping[str, str], home: str) -> dict[str, str]:
    """A container's environment, nothing of it being ours."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "HOME": home, **image, **own}
