"""How a container's commands come to see its files, and little else of the host.

Two ways. *Namespaces*: the kernel gives the container its own mounts, processes, host name and,
where we are not root, users. *Paths*: where the kernel refuses that, as inside most containers,
proot follows each system call of the container's processes and translates the paths (ptrace(2)).
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from signal import Signals
from typing import TYPE_CHECKING

from condor_mini.engine import command
from condor_mini.engine.embedded.tools import INSIDE
from condor_mini.errors import CommandFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from condor_mini.engine.embedded.tools import Tools

ROOT = "root"
"""A container's files, in its directory."""
NETWORK = "/.network"
"""Where each container sees its network's table of names."""
NOTES = "notes"
"""The directory in a container's into which its first process writes which one it is."""
PROBE_TIMEOUT_S = 10.0
MOST_IDS = 65536

_PROC_READ_ONLY = ("bus", "irq", "sys", "sysrq-trigger")
_DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
_NOTE = (
    "read -r pid _ _ parent _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ start _ <{proc}/self/stat; "
    "read -r boot <{proc}/sys/kernel/random/boot_id; "
    'echo "$pid $parent $start $boot" >{notes}/pid'
)
"""Fields 1, 4 and 22 of proc_pid_stat(5): the process, as the host numbers it, and its parent."""


@dataclass(frozen=True, kw_only=True)
class View:
    """A container, as a sandbox needs to know it."""

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
class Running:
    """A container's first process, and the one above it, by the host's numbers."""

    pid: int
    parent: int


class Way(ABC):
    """One of the two."""

    name: str

    def __init__(self, tools: Tools, *, many_users: bool) -> None:
        self.tools = tools
        self.many_users = many_users
        """Whether a container has users of its own, and not only us under one name."""

    @abstractmethod
    def problem(self) -> str | None:
        """Why this way cannot be gone here, or None."""

    @abstractmethod
    def start(self, view: View, workdir: str, argv: Sequence[str]) -> list[str]:
        """What starts a container's first process."""

    @abstractmethod
    def enter(self, view: View, running: Running, workdir: str, argv: Sequence[str]) -> list[str]:
        """What runs a command in a container that runs."""

    @abstractmethod
    def inside(self, view: View, program: str, *arguments: str) -> list[str]:
        """What runs one of our programs as root on a container's files, whether or not it runs."""

    @abstractmethod
    def as_owner(self, program: str, *arguments: str) -> list[str]:
        """What runs one of our programs on the host, as root of all the containers' files."""

    def kill(self, running: Running, send: Callable[[Running, int, Signals], None]) -> None:
        """Kill all of a container's processes: with the first one all of its namespace end."""
        send(running, running.pid, Signals.SIGKILL)

    def _changes_ids(self, view: View) -> bool:
        return self.many_users and not view.as_caller


def _ids(view: View) -> list[str]:
    """Options of setpriv(1)."""
    return [f"--reuid={view.uid}", f"--regid={view.gid}", "--clear-groups"]


class Namespaces(Way):
    """The kernel's."""

    name = "namespaces"

    def problem(self) -> str | None:
        """See ``Way.problem``: mount what a container needs, for a moment."""
        script = "mount --rbind / /mnt && mount -t proc proc /proc"
        script = " && ".join(
            shlex.join(self.tools.argv(*words.split())) for words in script.split(" && ")
        )
        argv = [*self._new(), *self.tools.argv("dash", "-c", script)]
        try:
            command.run(argv, timeout_s=PROBE_TIMEOUT_S)
        except CommandFailed as failure:
            return (failure.stderr.strip().splitlines() or ["no answer"])[-1]
        return None

    def start(self, view: View, workdir: str, argv: Sequence[str]) -> list[str]:
        """See ``Way.start``."""
        # The host's table of processes, as long as it is seen, has the host's numbers.
        notes = f"/.old{shlex.quote(str(view.directory / NOTES))}"
        note = _NOTE.format(proc="/.old/proc", notes=notes)
        last = [*self._as_user(view), *self.tools.inside("env", "-C", workdir, *argv)]
        script = [*self._mounts(view), *self._kernel(view), note, *self._leave_old()]
        script.append(f"exec {shlex.join(last)}")
        return [*self._new(), *self._shell(script)]

    def enter(self, view: View, running: Running, workdir: str, argv: Sequence[str]) -> list[str]:
        """See ``Way.enter``."""
        # The process above the first one: it is in the user namespace that the others belong to,
        # where the first one may be in one below.
        user = [] if self._is_root else ["--user", "--preserve-credentials"]
        where = [
            *(f"--target={running.parent}", "--mount", "--uts", "--ipc", *user),
            f"--pid=/proc/{running.parent}/ns/pid_for_children",
        ]
        inside = [*self._as_user(view), *self.tools.inside("env", "-C", workdir, *argv)]
        return self.tools.argv("nsenter", *where, "--", *inside)

    def inside(self, view: View, program: str, *arguments: str) -> list[str]:
        """See ``Way.inside``."""
        tool = self.tools.inside
        script = [
            *self._mounts(view),
            # umount(8) looks there; the host's must not be reached from a link of the container's.
            shlex.join(tool("mkdir", "-p", "/proc")),
            shlex.join(tool("mount", "--bind", "/.old/proc", "/proc")),
            *self._leave_old(),
            shlex.join(tool("umount", "-l", "/proc")),
            f"exec {shlex.join(tool(program, *arguments))}",
        ]
        options = ("--mount", *self._user())
        return [*self.tools.argv("unshare", *options), *self._shell(script)]

    def as_owner(self, program: str, *arguments: str) -> list[str]:
        """See ``Way.as_owner``."""
        argv = self.tools.argv(program, *arguments)
        return argv if self._is_root else [*self.tools.argv("unshare", *self._user()), *argv]

    @cached_property
    def _is_root(self) -> bool:
        return os.geteuid() == 0

    def _user(self) -> list[str]:
        if self._is_root:
            return []
        return ["--user", "--map-root-user", *(["--map-auto"] if self.many_users else [])]

    def _new(self) -> list[str]:
        options = ("--mount", "--pid", "--fork", "--uts", "--ipc", "--kill-child", *self._user())
        return self.tools.argv("unshare", *options)

    def _shell(self, script: Sequence[str]) -> list[str]:
        return self.tools.argv("dash", "-euc", "\n".join(script))

    def _as_user(self, view: View) -> list[str]:
        """The part of a command line after which the command is the container's user."""
        if not self._changes_ids(view):
            # In a user namespace of its own, whose capabilities are good for nothing outside it.
            # To give root another number takes CAP_SETFCAP (user_namespaces(7)).
            renamed = (f"--map-user={view.uid}", f"--map-group={view.gid}")
            caps = () if view.capabilities is None else ("--bounding-set=-all", "--inh-caps=-all")
            keep = ("--keep-caps",) if caps else ()  # it takes one to give them up
            lowered = ("--ambient-caps=-all", *caps) if caps else ()
            return [
                *self.tools.inside("unshare", "--user", *keep, *renamed),
                *self.tools.inside("setpriv", "--no-new-privs", *lowered),
            ]
        options = [*_ids(view), "--no-new-privs"]
        if view.capabilities is not None:
            kept = "".join(f",+{name.lower()}" for name in view.capabilities)
            options += ["--inh-caps=-all", f"--bounding-set=-all{kept}"]
        return self.tools.inside("setpriv", *options)

    def _mounts(self, view: View) -> list[str]:
        """A script that makes the container's files the root, with the host's below ``/.old``."""
        out, inn = self.tools.argv, self.tools.inside
        root = str(view.root)
        lines = [
            shlex.join(out("mount", "--bind", root, root)),
            shlex.join(out("mount", "--bind", "-o", "ro", str(self.tools.root), root + INSIDE)),
            f"cd {shlex.quote(root)}",
            shlex.join(out("pivot_root", ".", ".old")),
            "cd /",
        ]
        for source, target, read_only in view.mounts:
            made = inn("mkdir", "-p", target)
            if not Path(source).is_dir():
                made = inn(
                    "dash",
                    "-c",
                    'mkdir -p "$1"; : >>"$2"',
                    *("-", str(PurePosixPath(target).parent), target),
                )
            # Of a directory that is read-only all that is mounted below it is.
            kind = ["-o", "rbind,ro=recursive"] if read_only else ["--rbind"]
            bound = inn("mount", *kind, f"/.old{source}", target)
            lines.append(f"[ -e {shlex.quote(target)} ] || {shlex.join(made)}")
            lines.append(shlex.join(bound))
        return lines

    def _kernel(self, view: View) -> list[str]:
        """A script that adds ``/proc``, ``/sys``, ``/dev`` and the host name."""
        tool = self.tools.inside

        def mount(*words: str) -> str:
            return shlex.join(tool("mount", *words))

        lines = [
            shlex.join(tool("mkdir", "-p", "/proc", "/sys", "/dev")),
            shlex.join(tool("hostname", view.hostname)),
            mount("-t", "proc", "proc", "/proc"),
        ]
        for name in _PROC_READ_ONLY:
            path = f"/proc/{name}"
            lines.append(f"[ ! -e {path} ] || {mount('-o', 'bind,ro', path, path)}")
        # A host may refuse even to show it.
        lines.append(f"{mount('-o', 'rbind,ro=recursive', '/.old/sys', '/sys')} 2>&1 || :")
        lines.append(mount("-t", "tmpfs", "-o", "mode=755,nosuid", "tmpfs", "/dev"))
        for name in _DEVICES:
            lines.append(f": >/dev/{name}")
            lines.append(mount("--bind", f"/.old/dev/{name}", f"/dev/{name}"))
        lines += [
            shlex.join(tool("mkdir", "/dev/pts", "/dev/shm")),  # noqa: S108
            mount("-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=620", "devpts", "/dev/pts"),
            mount("-t", "tmpfs", "-o", "mode=1777,nosuid,nodev", "tmpfs", "/dev/shm"),  # noqa: S108
        ]
        links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd"}
        links |= {
            name: f"/proc/self/fd/{n}" for n, name in enumerate(("stdin", "stdout", "stderr"))
        }
        lines += [shlex.join(tool("ln", "-s", to, f"/dev/{name}")) for name, to in links.items()]
        return lines

    def _leave_old(self) -> list[str]:
        return [shlex.join(self.tools.inside("umount", "-l", "/.old"))]


class Paths(Way):
    """proot's."""

    name = "paths"

    def problem(self) -> str | None:
        """See ``Way.problem``: run a program under another root."""
        argv = [*self._proot("-r", str(self.tools.root)), "/usr/bin/true"]
        try:
            command.run(argv, timeout_s=PROBE_TIMEOUT_S)
        except CommandFailed as failure:
            return (failure.stderr.strip().splitlines() or ["no answer"])[-1]
        return None

    def start(self, view: View, workdir: str, argv: Sequence[str]) -> list[str]:
        """See ``Way.start``."""
        script = f'{_NOTE.format(proc="/proc", notes="/.notes")}; exec "$@"'
        first = self.tools.inside("dash", "-euc", script, "condor-mini")
        notes = ["-b", f"{view.directory / NOTES}:/.notes"]
        return [*self._traced(view, workdir, *notes), *first, *self._as_user(view, argv)]

    def enter(self, view: View, running: Running, workdir: str, argv: Sequence[str]) -> list[str]:  # noqa: ARG002
        """See ``Way.enter``."""
        return [*self._traced(view, workdir), *self._as_user(view, argv)]

    def inside(self, view: View, program: str, *arguments: str) -> list[str]:
        """See ``Way.inside``."""
        binds = [option for bind in self._binds(view) for option in ("-b", bind)]
        return [
            *self._proot("-r", str(view.root), *binds, "-w", "/"),
            *self.tools.inside(program, *arguments),
        ]

    def as_owner(self, program: str, *arguments: str) -> list[str]:
        """See ``Way.as_owner``."""
        return self.tools.argv(program, *arguments)

    def kill(self, running: Running, send: Callable[[Running, int, Signals], None]) -> None:
        """See ``Way.kill``: all that the same proot traces."""
        send(running, running.parent, Signals.SIGSTOP)  # or else it would see more of them begin
        for pid in [*_traced_by(running.parent), running.parent]:
            send(running, pid, Signals.SIGKILL)

    def _proot(self, *options: str) -> list[str]:
        # Its filter of system calls does not work with every kernel that it meets.
        return ["env", "PROOT_NO_SECCOMP=1", *self.tools.argv("proot", "--kill-on-exit", *options)]

    def _traced(self, view: View, workdir: str, *more: str) -> list[str]:
        binds = [*self._binds(view), "/proc", "/dev", "/sys"]
        options = [option for bind in binds for option in ("-b", bind)]
        release, machine = platform.release(), platform.machine()
        kernel = f"\\Linux\\{view.hostname}\\{release}\\{platform.version()}\\{machine}\\\\-1\\"
        if not self._changes_ids(view):
            more = (*more, "-i", f"{view.uid}:{view.gid}")
        return self._proot("-r", str(view.root), *options, "-k", kernel, *more, "-w", workdir)

    def _as_user(self, view: View, argv: Sequence[str]) -> list[str]:
        become = self.tools.inside("setpriv", *_ids(view)) if self._changes_ids(view) else []
        return [*become, *self.tools.inside("env", "-u", "PROOT_NO_SECCOMP", *argv)]

    def _binds(self, view: View) -> list[str]:
        binds = [f"{self.tools.root}:{INSIDE}"]
        return [*binds, *(f"{source}:{target}" for source, target, _ in view.mounts)]


def _traced_by(tracer: int) -> list[int]:
    """The processes that one traces."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            if f"\nTracerPid:\t{tracer}\n" in status.read_text("utf-8", "replace"):
                found.append(int(status.parent.name))
    return found


def can_be_others() -> bool:
    """Whether we may act as any user: root's right, unless something has taken it away."""
    if os.geteuid() != 0:
        return False
    status = Path("/proc/self/status").read_text("utf-8")
    (effective,) = (line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    setgid_and_setuid = 0b11 << 6  # capability numbers 6 and 7: linux/capability.h
    ids = sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines())
    return int(effective, 16) & setgid_and_setuid == setgid_and_setuid and ids >= MOST_IDS


def has_subordinate_ids(tools: Tools) -> bool:
    """Whether the host lets us have users of our own: newuidmap(1), subuid(5)."""
    if shutil.which("newuidmap") is None or shutil.which("newgidmap") is None:
        return False
    argv = tools.argv("unshare", "--user", "--map-root-user", "--map-auto", *tools.argv("cat"))
    try:
        said = command.run([*argv, "/proc/self/uid_map"], timeout_s=PROBE_TIMEOUT_S).stdout
    except CommandFailed:
        return False
    return sum(int(line.split()[2]) for line in said.splitlines()) >= MOST_IDS


def environment_of(image: Mapping[str, str], own: Mapping[str, str], home: str) -> dict[str, str]:
    """A container's environment, nothing of it being ours."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "HOME": home, **image, **own}
