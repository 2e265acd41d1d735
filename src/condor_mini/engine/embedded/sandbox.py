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
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed
from condor_mini.base.scratch import ScratchDirectory
from condor_mini.engine import command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from condor_mini.engine.embedded.tools import Tools

ROOT = "root"
"""The subdirectory of a container with its files."""
NETWORK = "/.network"
"""The path of the network's table of names in each container."""
PID_FOLDER = "notes"
"""The subdirectory of a container in which its first process records its number."""
PROBE_TIMEOUT_S = 10.0
NEEDED_IDS = 65536
CAP_SETGID, CAP_SETUID, CAP_SETPCAP = 6, 7, 8
"""Numbers from linux/capability.h."""
PID_SCRIPT = (
    "read -r pid _ _ parent _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ start _ <{proc}/self/stat; "
    "read -r boot <{proc}/sys/kernel/random/boot_id; "
    'echo "$pid $parent $start $boot" >{notes}/pid'
)
"""Fields 1, 4 and 22 of proc_pid_stat(5): the process, as the host numbers it, and its parent."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What a sandbox needs to know of a container and its user."""

    id: str
    directory: Path
    hostname: str
    mounts: Sequence[tuple[str, str, bool]]
    """Each mount: path on the host, path in the container, whether it is read-only."""
    uid: int
    gid: int
    as_caller: bool
    """Whether ``uid`` is the caller, under another number."""
    capabilities: Sequence[str] | None
    """The capabilities to keep, without ``CAP_``; None for all."""

    @property
    def root(self) -> Path:
        """Return the directory with its files."""
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
    stops_processes: bool
    """Whether SIGSTOP stops its processes: proot lets them go on."""

    def __init__(self, tools: Tools, *, many_users: bool) -> None:
        self.tools = tools
        self.many_users = many_users
        """Whether a container has several users; if not, all of them are the caller."""

    @abstractmethod
    def problem(self) -> str | None:
        """Return why it does not work on this machine, or None."""

    @abstractmethod
    def start(self, view: View, script: str, workdir: str, argv: Sequence[str]) -> list[str]:
        """Return what starts a container's first process, after a script that root runs."""

    def mark(self, view: View) -> str:  # noqa: ARG002
        """Return a variable by which a container's processes are found, where needed."""
        return ""

    @abstractmethod
    def enter(
        self, view: View, init: InitProcess, workdir: str, argv: Sequence[str], *, terminal: bool
    ) -> list[str]:
        """Return what runs a command in a running container; its stdin may be a terminal."""

    @abstractmethod
    def inside(self, view: View, program: str, *arguments: str) -> list[str]:
        """Return the command that runs one of our programs as root on a container's files."""

    @abstractmethod
    def as_owner(self, program: str, *arguments: str) -> list[str]:
        """Return what runs one of our programs on the host, as owner of all the files."""

    @abstractmethod
    def processes(self, view: View, init: InitProcess | None) -> list[int]:
        """Return the processes to kill, so that nothing of the container runs any more."""

    def send(self, pid: int, number: int) -> None:
        """Send a signal to the command that the process of ``enter`` runs."""
        os.kill(pid, number)

    @abstractmethod
    def open_terminal(self, init: InitProcess) -> tuple[int, int]:
        """Open a new terminal that the container knows; return its master and its other side."""

    def _changes_ids(self, view: View) -> bool:
        return self.many_users and not view.as_caller

    def _command(self, workdir: str, argv: Sequence[str], *options: str) -> list[str]:
        # Signals that are blocked here would stay blocked in the container.
        return self.tools.inside("env", "--default-signal", *options, "-C", workdir, *argv)


def id_options(view: View) -> list[str]:
    """Return the options of setpriv(1) for the user of a view."""
    return [f"--reuid={view.uid}", f"--regid={view.gid}", "--clear-groups"]


def capability_options(capabilities: Sequence[str] | None) -> list[str]:
    """Return the options of setpriv(1) that keep only these capabilities; None keeps all."""
    if capabilities is None:
        return []
    kept = "".join(f",+{name.lower()}" for name in capabilities)
    return ["--inh-caps=-all", f"--bounding-set=-all{kept}"]


def failure_reason(failure: CommandFailed) -> str:
    """Return the first line of what a probe said when it failed."""
    return (failure.stderr.strip().splitlines() or [f"status {failure.returncode}"])[0]


def can_change_users() -> bool:
    """Return whether we may act as any user, as root usually may."""
    ids = sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines())
    return os.geteuid() == 0 and _may(CAP_SETGID, CAP_SETUID) and ids >= NEEDED_IDS


def can_drop_capabilities() -> bool:
    """Return whether we may take capabilities from processes that we start."""
    return _may(CAP_SETPCAP)


def _may(*capabilities: int) -> bool:
    status = Path("/proc/self/status").read_text("utf-8")
    (effective,) = (line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return all(int(effective, 16) >> number & 1 for number in capabilities)


def has_subordinate_ids(tools: Tools, directory: Path) -> bool:
    """Return whether the host gives us more user ids: newuidmap(1), subuid(5).

    They must also be able to own files in the directory, which may be absent yet: an NFS server
    does not let us give a file away.
    """
    if shutil.which("newuidmap") is None or shutil.which("newgidmap") is None:
        return False
    existing = next(place for place in (directory, *directory.parents) if place.is_dir())
    chown = shlex.join(tools.argv("chown"))
    script = f'{chown} 1:1 "$1"; {chown} 0:0 "$1"; exec {shlex.join(tools.argv("cat"))} "$2"'
    try:
        with ScratchDirectory(directory=existing, prefix=".condor-mini-") as scratch:
            probe = tools.argv("dash", "-euc", script, "-", scratch, "/proc/self/uid_map")
            argv = tools.argv("unshare", "--user", "--map-root-user", "--map-auto", *probe)
            id_map = command.run(argv, timeout_s=PROBE_TIMEOUT_S).stdout
    except (CommandFailed, OSError):
        return False
    return sum(int(line.split()[2]) for line in id_map.splitlines()) >= NEEDED_IDS


def environment_of(image: Mapping[str, str], own: Mapping[str, str], home: str) -> dict[str, str]:
    """Return a container's environment, which has nothing of ours."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "HOME": home, **image, **own}
