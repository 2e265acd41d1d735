"""Containers without namespaces: proot(1) translates the paths of their system calls."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, EngineCapabilityError
from condor_mini.engine import command
from condor_mini.engine.embedded.sandbox import (
    PID_FOLDER,
    PID_SCRIPT,
    PROBE_TIMEOUT_S,
    InitProcess,
    Sandbox,
    View,
    can_drop_capabilities,
    capability_options,
    failure_reason,
    id_options,
)
from condor_mini.engine.embedded.tools import INSIDE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MARK = "CONDOR_MINI_CONTAINER"
"""A variable by which a container's processes are found if their proot is killed."""


ROOT_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER")
"""Capabilities that a root keeps that stays root: directories of other users may be mounted."""


class ProotSandbox(Sandbox):
    """proot's."""

    name = "paths"
    has_users = False
    read_only_mounts = False
    changes_modes = False
    stops_processes = False

    def problem(self) -> str | None:
        """See ``Sandbox.problem``: run a program under another root."""
        argv = [*self._proot("-r", str(self.tools.root)), "/usr/bin/true"]
        try:
            command.run(argv, timeout_s=PROBE_TIMEOUT_S)
        except CommandFailed as failure:
            return failure_reason(failure)
        return None

    def start(self, view: View, script: str, workdir: str, argv: Sequence[str]) -> list[str]:
        """See ``Sandbox.start``."""
        note = PID_SCRIPT.format(proc="/proc", notes="/.notes")
        first = self.tools.inside("dash", "-euc", f'{note}\n{script}\nexec "$@"', "condor-mini")
        notes = ("-b", _bind(view, view.directory / PID_FOLDER, "/.notes"))
        own = [*first, *self._as_user(view, workdir, argv)]
        return [*self._proot_command(view, workdir, *notes), *self._tied_to_proot(own)]

    def mark(self, view: View) -> str:
        """See ``Sandbox.mark``: the kernel knows nothing of containers here."""
        return f"{MARK}={view.id}"

    def enter(
        self,
        view: View,
        init: InitProcess,  # noqa: ARG002
        workdir: str,
        argv: Sequence[str],
        *,
        terminal: bool,
    ) -> list[str]:
        """See ``Sandbox.enter``."""
        # If a signal ends a program, proot's status does not tell; a shell's does.
        shell = 'trap : HUP INT TERM; "$@"; exit $?'
        own = self.tools.inside("dash", "-c", shell, "sh", *self._as_user(view, workdir, argv))
        if terminal:
            own = self.tools.inside("setsid", "--ctty", *own)
        return [*self._proot_command(view, workdir), *self._tied_to_proot(own)]

    def inside(self, view: View, program: str, *arguments: str) -> list[str]:
        """See ``Sandbox.inside``."""
        binds = [option for bind in self._binds(view) for option in ("-b", bind)]
        return [
            *self._proot("-r", str(view.root), *binds, "-w", "/", scratch=_scratch(view)),
            *self.tools.inside(program, *arguments),
        ]

    def as_owner(self, program: str, *arguments: str) -> list[str]:
        """See ``Sandbox.as_owner``."""
        return self.tools.argv(program, *arguments)

    def processes(self, view: View, init: InitProcess | None) -> list[int]:  # noqa: ARG002
        """See ``Sandbox.processes``: each proot of the container, and all that they trace."""
        mark = self.mark(view).encode()
        root = str(view.root).encode()
        found, tracers, tracer_of = [], set(), {}
        for pid in _pids():
            with suppress(OSError, ValueError):
                place = Path(f"/proc/{pid}")
                words = (place / "cmdline").read_bytes().split(b"\0")
                if root in words and b"--kill-on-exit" in words:
                    tracers.add(pid)
                elif mark in (place / "environ").read_bytes().split(b"\0"):
                    found.append(pid)
                tracer_of[pid] = _tracer_of(pid)
        traced = [pid for pid, tracer in tracer_of.items() if tracer in tracers]
        # The tracers first: they must not trace more processes.
        return [*tracers, *dict.fromkeys([*traced, *found])]

    def send(self, pid: int, number: int) -> None:
        """See ``Sandbox.send``: proot heeds few signals, and hands none on to those it traces."""
        for traced in _pids():
            with suppress(OSError, ValueError):
                if _tracer_of(traced) == pid:
                    os.kill(traced, number)

    def open_terminal(self, init: InitProcess) -> tuple[int, int]:  # noqa: ARG002
        """See ``Sandbox.open_terminal``: the container sees the host's."""
        return os.openpty()

    def _proot(self, *options: str, scratch: Path | None = None) -> list[str]:
        # Its seccomp filter does not work with every kernel.
        settings = ["PROOT_NO_SECCOMP=1"]
        if scratch:
            settings.append(f"PROOT_TMP_DIR={scratch}")
        return [
            *self.tools.argv("env"),
            *settings,
            *self.tools.argv("proot", "--kill-on-exit", *options),
        ]

    def _proot_command(self, view: View, workdir: str, *more: str) -> list[str]:
        binds = [*self._binds(view), "/proc", "/dev", "/sys"]
        options = [option for bind in binds for option in ("-b", bind)]
        release, machine = platform.release(), platform.machine()
        kernel = f"\\Linux\\{view.hostname}\\{release}\\{platform.version()}\\{machine}\\\\-1\\"
        if not self._changes_ids(view):
            more = (*more, "-i", f"{view.uid}:{view.gid}")
        options += ["-k", kernel, *more, "-w", workdir]
        return self._proot("-r", str(view.root), *options, scratch=_scratch(view))

    def _tied_to_proot(self, argv: Sequence[str]) -> list[str]:
        """Return a command that ends with its proot: without it, it would see the host's files."""
        return self.tools.inside("setpriv", "--pdeathsig=KILL", *argv)

    def _as_user(self, view: View, workdir: str, argv: Sequence[str]) -> list[str]:
        changes = self._changes_ids(view)
        options = [*(id_options(view) if changes else []), "--no-new-privs"]
        if can_drop_capabilities():
            options += capability_options(view.capabilities if changes else ROOT_CAPABILITIES)
        ours = ("-u", "PROOT_NO_SECCOMP", "-u", "PROOT_TMP_DIR")
        command_line = self._command(workdir, [self.mark(view), *argv], *ours)
        return [*self.tools.inside("setpriv", *options), *command_line]

    def _binds(self, view: View) -> Iterator[str]:
        yield _bind(view, self.tools.root, INSIDE)
        for source, target, _ in view.mounts:
            yield _bind(view, Path(source), target)


def _scratch(view: View) -> Path:
    """Return the directory for proot's own files, which it leaves behind if it is killed."""
    scratch = view.directory / "proot"
    scratch.mkdir(exist_ok=True)
    return scratch


def _bind(view: View, source: Path, target: str) -> str:
    """Return a bind argument of proot's, in which a colon ends a path."""
    if ":" in str(source):
        # proot follows a link, whose path has no colon.
        link = view.directory / f"bind-{target.replace('/', '-').replace(':', '')}"
        with suppress(FileExistsError):
            link.symlink_to(source)
        source = link
    if ":" in f"{source}{target}":
        raise EngineCapabilityError(
            f"without namespaces no path with a colon can be shown to a container: "
            f"{source} at {target}",
        )
    return f"{source}:{target}"


def _tracer_of(pid: int) -> int:
    """Return the tracer of a process, or 0: proc_pid_status(5)."""
    _, _, tracer = Path(f"/proc/{pid}/status").read_text("utf-8").partition("\nTracerPid:")
    return int(tracer.split(None, 1)[0])


def _pids() -> list[int]:
    return [int(place.name) for place in Path("/proc").glob("[0-9]*")]
