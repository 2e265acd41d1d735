"""Containers by the kernel's namespaces, made with unshare(1), mount(8) and pivot_root(8)."""

from __future__ import annotations

import fcntl
import os
import secrets
import shlex
import shutil
import struct
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed
from condor_mini.engine import command
from condor_mini.engine.embedded.sandbox import (
    PID_FOLDER,
    PID_SCRIPT,
    PROBE_TIMEOUT_S,
    InitProcess,
    Sandbox,
    View,
    capability_options,
    failure_reason,
    id_options,
)
from condor_mini.engine.embedded.tools import INSIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

OLD_ROOT = "/.old"
"""The path of the host's root in a new container, until it is unmounted."""
STAGING = "old"
"""The subdirectory of a container in which that path is prepared, hidden from others."""
MOUNT_POINTS = (INSIDE, OLD_ROOT, "/dev", "/proc", "/sys")
"""Directories of each container to mount on; a link there is an error."""
_DEVICE_DIRECTORY = "dev"
_PROC_READ_ONLY = ("/proc/bus", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
_LINKS = {
    "fd": "/proc/self/fd",
    "ptmx": "pts/ptmx",
    "stderr": "/proc/self/fd/2",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
}
_TTY = 5
"""Number of the group tty in Debian's images, which owns the terminals of Docker's containers."""
_TIOCSPTLCK, _TIOCGPTPEER = 0x40045431, 0x5441  # asm-generic/ioctls.h


class NamespaceSandbox(Sandbox):
    """The kernel's."""

    name = "namespaces"
    has_users = True
    read_only_mounts = True
    changes_modes = True
    stops_processes = True

    def problem(self) -> str | None:
        """See ``Sandbox.problem``: mount what a container needs, for a moment."""
        mounts = (("--rbind", "/", "/mnt"), ("-t", "proc", "proc", "/proc"))
        script = " && ".join(shlex.join(self.tools.argv("mount", *words)) for words in mounts)
        try:
            command.run(
                [*self._new(), *self.tools.argv("dash", "-c", script)], timeout_s=PROBE_TIMEOUT_S
            )
        except CommandFailed as failure:
            return failure_reason(failure)
        return None

    def start(self, view: View, script: str, workdir: str, argv: Sequence[str]) -> list[str]:
        """See ``Sandbox.start``."""
        _make_devices(view.directory / _DEVICE_DIRECTORY)
        lines = [*self._change_root(view, self._kernel(view)), self._name(view)]
        # A host may refuse even this.
        system = ("-o", "rbind,ro=recursive")
        lines.append(f'{shlex.join(self.tools.inside("mount", *system))} "$old/sys" /sys 2>&1 || :')
        if not self._changes_ids(view):
            # Nothing here can belong to the group tty. sshd(8) gives a terminal to that group, and
            # to the user's own group if there is no such one.
            no_tty = shlex.join(self.tools.inside("sed", "-i", "/^tty:/d", "/etc/group"))
            lines.append(f"[ ! -f /etc/group ] || {no_tty} || :")
        # While the host's /proc is visible, it has the host's process numbers.
        notes = f"$old{shlex.quote(str(view.directory / PID_FOLDER))}"
        lines += [PID_SCRIPT.format(proc="$old/proc", notes=notes), self._leave(OLD_ROOT), script]
        lines.append(f"exec {shlex.join([*self._as_user(view), *self._command(workdir, argv)])}")
        return [*self._new(), *self._shell(lines)]

    def enter(
        self, view: View, init: InitProcess, workdir: str, argv: Sequence[str], *, terminal: bool
    ) -> list[str]:
        """See ``Sandbox.enter``."""
        # Enter by the parent of the first process: it is in the user namespace that owns the other
        # namespaces, while the first process may be in a nested one.
        user = [] if self._is_root else ["--user", "--preserve-credentials"]
        where = [
            *(f"--target={init.parent}", "--mount", "--uts", "--ipc", *user),
            f"--pid=/proc/{init.parent}/ns/pid_for_children",
        ]
        inside = [*self._as_user(view), *self._command(workdir, argv)]
        if terminal:
            inside = self.tools.inside("setsid", "--ctty", *inside)
            if self._changes_ids(view):
                own = shlex.join(self.tools.inside("chown", str(view.uid), "/proc/self/fd/0"))
                inside = self.tools.inside("dash", "-c", f'{own}; exec "$@"', "-", *inside)
        return self.tools.argv("nsenter", *where, "--", *inside)

    def inside(self, view: View, program: str, *arguments: str) -> list[str]:
        """See ``Sandbox.inside``."""
        # umount(8) reads /proc, and a link of the container must not lead to the host's. Bind it
        # with the mounts below it: a user namespace cannot separate them (mount_namespaces(7)),
        # and systemd has a mount there on each host.
        lines = self._change_root(view, [(f"{OLD_ROOT}/proc", "/proc", "rbind")])
        lines += [
            self._leave(OLD_ROOT, "/proc"),
            f"exec {shlex.join(self.tools.inside(program, *arguments))}",
        ]
        options = ("--mount", *self._user())
        return [*self.tools.argv("unshare", *options), *self._shell(lines)]

    def as_owner(self, program: str, *arguments: str) -> list[str]:
        """See ``Sandbox.as_owner``."""
        argv = self.tools.argv(program, *arguments)
        return argv if self._is_root else [*self.tools.argv("unshare", *self._user()), *argv]

    def processes(self, view: View, init: InitProcess | None) -> list[int]:  # noqa: ARG002
        """See ``Sandbox.processes``: with the first one all of its namespace end."""
        return [] if init is None else [init.pid]

    def open_terminal(self, init: InitProcess) -> tuple[int, int]:
        """See ``Sandbox.open_terminal``."""
        flags = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC
        master = os.open(f"/proc/{init.pid}/root/dev/pts/ptmx", flags)
        fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
        return master, fcntl.ioctl(master, _TIOCGPTPEER, flags)

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

    def _shell(self, lines: Sequence[str]) -> list[str]:
        return self.tools.argv("dash", "-euc", "\n".join(lines))

    def _as_user(self, view: View) -> list[str]:
        """Return the start of a command line that runs the rest as the container's user."""
        if not self._changes_ids(view):
            # A nested user namespace, whose capabilities are worth nothing outside it. Mapping root
            # to another number takes CAP_SETFCAP (user_namespaces(7)).
            renamed = (f"--map-user={view.uid}", f"--map-group={view.gid}")
            caps = () if view.capabilities is None else ("--bounding-set=-all", "--inh-caps=-all")
            keep = ("--keep-caps",) if caps else ()  # dropping them needs one
            lowered = ("--ambient-caps=-all", *caps) if caps else ()
            return [
                *self.tools.inside("unshare", "--user", *keep, *renamed),
                *self.tools.inside("setpriv", "--no-new-privs", *lowered),
            ]
        options = [*id_options(view), "--no-new-privs", *capability_options(view.capabilities)]
        return self.tools.inside("setpriv", *options)

    def _change_root(self, view: View, more: Iterable[tuple[str, str, str]]) -> list[str]:
        """Return a script that makes the container's files the root; the host's are in ``$old``."""
        root = str(view.root)
        # A random name, which no link of the container can lead to.
        aside = f"{OLD_ROOT}/{secrets.token_hex(8)}"
        staging = str(view.directory / STAGING)
        outside = [
            # An image may contain devices: they have no effect. Ours are mounted.
            (root, root, "bind,nodev"),
            (str(self.tools.root), root + INSIDE, "bind,ro"),
            (staging, root + OLD_ROOT, "bind"),
        ]
        # Our own programs would load the libraries that it names.
        if os.path.lexists(preloaded := f"{root}/etc/ld.so.preload"):
            outside.append(("/dev/null", preloaded, "bind"))
        inside: list[tuple[str, str, str]] = [
            (source.replace(OLD_ROOT, aside, 1), target, how) for source, target, how in more
        ]
        # A read-only directory is read-only with all mounts below it.
        inside += [
            (f"{aside}{os.path.realpath(source)}", target, f"rbind{',ro=recursive' * read_only}")
            for source, target, read_only in view.mounts
        ]
        on_staging = ("tmpfs", staging)
        links = " || ".join(f"[ -L .{path} ]" for path in (*MOUNT_POINTS, "/etc"))
        return [
            shlex.join(
                self.tools.argv("mount", "-i", "-t", "tmpfs", "-o", "mode=700", *on_staging)
            ),
            f"cd {shlex.quote(staging)}",
            shlex.join(self.tools.argv("mkdir", aside.removeprefix(f"{OLD_ROOT}/"))),
            f"printf %s {shlex.quote(_table(outside))} >outside",
            f"printf %s {shlex.quote(_table(inside))} >inside",
            self._mount_all(self.tools.argv, "outside"),
            f"cd {shlex.quote(root)}",
            f"if {links}; then echo 'a directory of the container is a link' >&2; exit 1; fi",
            f"old={aside}",
            shlex.join(self.tools.argv("pivot_root", ".", f".{aside}")),
            "cd /",
            *(self._mount_point_script(source, target) for source, target, _ in view.mounts),
            self._mount_all(self.tools.inside, f"{OLD_ROOT}/inside"),
        ]

    def _mount_all(self, tool: Callable[..., list[str]], table: str) -> str:
        """Return a script that mounts a table with one program: each one costs time."""
        return shlex.join(tool("mount", "--internal-only", "--all", "--fstab", table))

    def _mount_point_script(self, source: str, target: str) -> str:
        """Return a script that creates a mount point, unless it exists."""
        point = shlex.quote(target)
        if Path(source).is_dir():
            made = shlex.join(self.tools.inside("mkdir", "-p", target))
        else:
            parent = str(PurePosixPath(target).parent)
            made = f"{{ {shlex.join(self.tools.inside('mkdir', '-p', parent))} && : >>{point}; }}"
        return f"[ -e {point} ] || {made}"

    def _kernel(self, view: View) -> list[tuple[str, str, str]]:
        """Return the mounts of ``/proc``, ``/sys`` and ``/dev``."""
        devices = view.directory / _DEVICE_DIRECTORY
        group = f",gid={_TTY}" if self._changes_ids(view) else ""
        return [
            ("proc", "/proc", ""),
            *((path, path, "bind,ro") for path in _PROC_READ_ONLY if Path(path).exists()),
            (f"{OLD_ROOT}{devices}", "/dev", "bind"),
            *((f"{OLD_ROOT}/dev/{name}", f"/dev/{name}", "bind") for name in _devices()),
            ("devpts", "/dev/pts", f"newinstance,ptmxmode=0666,mode=620{group}"),
            ("tmpfs", "/dev/shm", "mode=1777,nosuid,nodev"),  # noqa: S108
        ]

    def _name(self, view: View) -> str:
        return shlex.join(self.tools.inside("hostname", view.hostname))

    def _leave(self, *places: str) -> str:
        return shlex.join(self.tools.inside("umount", "--internal-only", "--lazy", *places))


def _table(mounts: Iterable[tuple[str, str, str]]) -> str:
    """Return mounts in the format of fstab(5)."""
    lines = []
    for source, target, options in mounts:
        kind = source if source in ("proc", "devpts", "tmpfs") else "none"
        words = (_escaped(source), _escaped(target), kind, options or "defaults")
        lines.append(f"{' '.join(words)} 0 0\n")
    return "".join(lines)


def _escaped(path: str) -> str:
    return "".join(f"\\{ord(c):03o}" if c in " \t\n\\#" else c for c in path)


def _devices() -> tuple[str, ...]:
    """Return the devices of a container. With ``fuse`` a user mounts images for itself alone."""
    return (*_DEVICES, "fuse") if Path("/dev/fuse").is_char_device() else _DEVICES


def _make_devices(directory: Path) -> None:
    """Create the directory that is mounted as ``/dev``; the devices are mounted into it."""
    shutil.rmtree(directory, ignore_errors=True)
    for name in ("pts", "shm"):
        (directory / name).mkdir(parents=True)
    for name in _devices():
        (directory / name).touch()
    for name, to in _LINKS.items():
        (directory / name).symlink_to(to)
