"""Limits for whole containers: control groups of version 2, which systemd creates for us.

A container with such a limit is a scope: of the system's manager for root, of the user's manager
for a user. A user may neither create groups beside the one of the session nor move a process out of
it; the user's manager may, and asks the system's manager for the move (cgroups(7), "Delegation
containment"; systemd's "Control Group APIs and Delegation"). A scope ends with its last process, so
nothing is left to remove.
"""

from __future__ import annotations

import logging
import os
import pwd
import secrets
import shlex
import shutil
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed
from condor_mini.engine import command
from condor_mini.engine.embedded.records import rewrite
from condor_mini.engine.embedded.sandbox import PROBE_TIMEOUT_S, failure_reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from condor_mini.engine.embedded.tools import Tools

log = logging.getLogger(__name__)

BOOT = Path("/proc/sys/kernel/random/boot_id")
MOUNT = Path("/sys/fs/cgroup")
LINGERING = Path("/var/lib/systemd/linger")
"""Contains a file for each user whose manager runs without a session (loginctl(1))."""
_UNIT, _KIND = "condor-mini-", ".scope"
_FILES = {"cpus": "cpu.max", "memory_mb": "memory.max", "pids": "pids.max"}
_PROBED = {"cpus": 1, "memory_mb": 1024, "pids": 1024}
_RUNTIME, _BUS = "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"
_MANAGER_VARIABLES = (_RUNTIME, _BUS, "INVOCATION_ID")
"""Variables by which systemd-run finds the manager, or that it sets for the command."""
_MANAGER = (
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
)
_BUS_TIMEOUT_S = 5
_LIMITS_SCRIPT = """
while read -r line; do case $line in 0::*) own=$1${line#0::} ;; esac; done </proc/self/cgroup
shift
for file; do read -r limit _ <"$own/$file" && [ "$limit" != max ] && echo "$file"; done 2>/dev/null
:
"""
"""Prints which of these files of its own group contain a limit."""


class Cgroups:
    """The control groups that containers can have on this machine, if any."""

    def __init__(self, tools: Tools, note: Path) -> None:
        """Nothing is asked yet.

        Args:
            tools: The runtime's programs, which run beside systemd's.
            note: A file that caches the result until the next boot.
        """
        self._tools = tools
        self._note = note

    @cached_property
    def limits(self) -> frozenset[str]:
        """Return the limits of ``ContainerSpec`` that a control group can have, if there are any.

        A group is made to see that, once in a boot.
        """
        if not self._is_available():
            return frozenset()
        boot = BOOT.read_text("utf-8").strip()
        with suppress(OSError, ValueError):
            boot_id, *found = self._note.read_text("utf-8").split()
            if boot_id == boot:
                return frozenset(found)
        found = self._probe()
        if found:
            self._note.parent.mkdir(parents=True, exist_ok=True)
            rewrite(self._note, " ".join((boot, *sorted(found))))
        return frozenset(found)

    def _probe(self) -> list[str]:
        look = self._tools.argv("dash", "-c", _LIMITS_SCRIPT, "-", str(MOUNT), *_FILES.values())
        argv, environment = self.scope_command(_PROBED, look, os.environ, limits=_FILES)
        try:
            result = command.run_bytes(argv, timeout_s=PROBE_TIMEOUT_S, environment=environment)
        except CommandFailed as failure:
            log.debug("no control groups: %s", failure_reason(failure))
            return []
        files = result.text().stdout.split()
        return [limit for limit, file in _FILES.items() if file in files]

    def scope_command(
        self,
        spec: Mapping[str, object],
        argv: Sequence[str],
        environment: Mapping[str, str],
        *,
        limits: Iterable[str],
    ) -> tuple[list[str], dict[str, str]]:
        """Return the command and environment that run ``argv`` in a new scope with these limits."""
        properties = [
            f"--property={name}={value}"
            for limit in limits
            for name, value in _properties(limit, spec[limit])
        ]
        unit = f"{_UNIT}{secrets.token_hex(8)}{_KIND}"
        # Without delegation systemd stops a scope when the kernel kills one of its processes.
        options = ("--scope", "--collect", "--quiet", "--property=Delegate=yes", *properties)
        own = [f"{name}={environment[name]}" for name in _MANAGER_VARIABLES if name in environment]
        removed = [f"--unset={name}" for name in _MANAGER_VARIABLES]
        inner = self._tools.argv("env", *removed, *own, *argv)
        manager = [] if _is_root() else ["--user"]
        return (
            [str(shutil.which("systemd-run")), *manager, f"--unit={unit}", *options, "--", *inner],
            {name: value for name, value in environment.items() if name != _BUS}
            | _manager_environment(),
        )

    def join_command(self, pid: int, argv: Sequence[str]) -> list[str]:
        """Return the command that runs ``argv`` in the control group of a container's process."""
        if (group := cgroup_of(pid)) is None:
            return list(argv)
        join = f"{{ echo $$ >{shlex.quote(f'{group}/cgroup.procs')}; }} 2>/dev/null"
        if not _is_root() and (busctl := shutil.which("busctl")):
            # Only the managers can move a process out of another session's group.
            reaching = [f"{name}={value}" for name, value in _manager_environment().items()]
            ask = self._tools.argv("env", f"--unset={_BUS}", *reaching)
            ask += [busctl, "--user", f"--timeout={_BUS_TIMEOUT_S}", "call", *_MANAGER]
            ask += ["AttachProcessesToUnit", "ssau", group.name, "", "1"]
            join += f" || {shlex.join(ask)} $$ >/dev/null 2>&1"
        # A command that cannot join runs without the limit: it is the pool owner's, and no job.
        return self._tools.argv("dash", "-c", f'{join} || :; unset PWD; exec "$@"', "-", *argv)

    def _is_available(self) -> bool:
        """Return whether control groups may work here, without running anything."""
        uid = os.geteuid()
        manager = Path("/run") if _is_root() else Path(_runtime_directory())
        if not (MOUNT / "cgroup.controllers").exists() or shutil.which("systemd-run") is None:
            return False
        try:
            # Otherwise the manager, with all its scopes, ends with the user's last session.
            lives_on = _is_root() or (LINGERING / pwd.getpwuid(uid).pw_name).exists()
        except KeyError:  # a user without a name
            return False
        return lives_on and (manager / "systemd/private").exists()


def cgroup_of(pid: int) -> Path | None:
    """Return the control group of a process, if it is a container's."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text("utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        name = line.rpartition("/")[2]
        if line.startswith("0::") and name.startswith(_UNIT) and name.endswith(_KIND):
            return Path(f"{MOUNT}{line[3:]}")
    return None


def _properties(limit: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield the unit properties of a limit: systemd.resource-control(5)."""
    if value is None:
        return
    match limit:
        case "cpus":
            yield "CPUQuota", f"{max(1, round(float(str(value)) * 100))}%"
        case "memory_mb":
            # The same amount of swap space again, as with Docker.
            yield "MemoryMax", f"{value}M"
            yield "MemorySwapMax", f"{value}M"
        case _:
            yield "TasksMax", str(value)


def _manager_environment() -> dict[str, str]:
    return {} if _is_root() else {_RUNTIME: _runtime_directory()}


def _runtime_directory() -> str:
    """Return the user's runtime directory, even after sudo(8): pam_systemd(8)."""
    return f"/run/user/{os.geteuid()}"


def _is_root() -> bool:
    return os.geteuid() == 0
