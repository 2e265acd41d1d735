"""Limits of whole containers, by control groups of version 2 that systemd makes for us.

A container with such a limit is a scope of its own: of the system's manager for root, of the user's
own for a user. He may neither make groups beside that of his session nor move a process out of it;
his manager may, and asks the system's for the latter (cgroups(7), "Delegation containment";
systemd's "Control Group APIs and Delegation"). With its last process a scope goes, whatever that
ended by: nothing is left to be removed.
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
"""Has a file for each user whose manager lives on without a session (loginctl(1))."""
_UNIT, _KIND = "condor-mini-", ".scope"
_FILES = {"cpus": "cpu.max", "memory_mb": "memory.max", "pids": "pids.max"}
_PROBED = {"cpus": 1, "memory_mb": 1024, "pids": 1024}
_RUNTIME, _BUS = "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"
_NOT_ITS_OWN = (_RUNTIME, _BUS, "INVOCATION_ID")
"""Variables by which systemd-run finds the manager, or which it gives to the command."""
_MANAGER = (
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
)
_BUS_TIMEOUT_S = 5
_WHAT_IS_SET = """
while read -r line; do case $line in 0::*) own=$1${line#0::} ;; esac; done </proc/self/cgroup
shift
for file; do read -r limit _ <"$own/$file" && [ "$limit" != max ] && echo "$file"; done 2>/dev/null
:
"""
"""Says which of these files of its own group limit something."""


class Cgroups:
    """How containers get theirs on this machine, if they can."""

    def __init__(self, tools: Tools, note: Path) -> None:
        """Nothing is asked yet.

        Args:
            tools: What is run beside systemd's own programs.
            note: A file in which what was found is kept until the next boot.
        """
        self._tools = tools
        self._note = note

    @cached_property
    def limits(self) -> frozenset[str]:
        """Which limits of ``ContainerSpec`` a group can have; none where there are no groups.

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
        look = self._tools.argv("dash", "-c", _WHAT_IS_SET, "-", str(MOUNT), *_FILES.values())
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
        """The same command, as the first one of a group with these limits of a container's spec."""
        properties = [
            f"--property={name}={value}"
            for limit in limits
            for name, value in _properties(limit, spec[limit])
        ]
        unit = f"{_UNIT}{secrets.token_hex(8)}{_KIND}"
        # systemd stops a scope of which the kernel has killed a process, but for those delegated.
        options = ("--scope", "--collect", "--quiet", "--property=Delegate=yes", *properties)
        own = [f"{name}={environment[name]}" for name in _NOT_ITS_OWN if name in environment]
        removed = [f"--unset={name}" for name in _NOT_ITS_OWN]
        inner = self._tools.argv("env", *removed, *own, *argv)
        manager = [] if _is_root() else ["--user"]
        return (
            [str(shutil.which("systemd-run")), *manager, f"--unit={unit}", *options, "--", *inner],
            {name: value for name, value in environment.items() if name != _BUS}
            | _manager_environment(),
        )

    def join_command(self, pid: int, argv: Sequence[str]) -> list[str]:
        """The same command, in the group of that process if it is one of ours."""
        if (group := cgroup_of(pid)) is None:
            return list(argv)
        join = f"{{ echo $$ >{shlex.quote(f'{group}/cgroup.procs')}; }} 2>/dev/null"
        if not _is_root() and (busctl := shutil.which("busctl")):
            # From another session's group only the managers can move it.
            reaching = [f"{name}={value}" for name, value in _manager_environment().items()]
            ask = self._tools.argv("env", f"--unset={_BUS}", *reaching)
            ask += [busctl, "--user", f"--timeout={_BUS_TIMEOUT_S}", "call", *_MANAGER]
            ask += ["AttachProcessesToUnit", "ssau", group.name, "", "1"]
            join += f" || {shlex.join(ask)} $$ >/dev/null 2>&1"
        # What does not get in is no job, but a command of him who has set the limit.
        return self._tools.argv("dash", "-c", f'{join} || :; unset PWD; exec "$@"', "-", *argv)

    def _is_available(self) -> bool:
        """What is seen without running anything."""
        uid = os.geteuid()
        manager = Path("/run") if _is_root() else Path(_runtime_directory())
        if not (MOUNT / "cgroup.controllers").exists() or shutil.which("systemd-run") is None:
            return False
        try:
            # Else all that his manager has would end with his last session.
            lives_on = _is_root() or (LINGERING / pwd.getpwuid(uid).pw_name).exists()
        except KeyError:  # a user without a name
            return False
        return lives_on and (manager / "systemd/private").exists()


def cgroup_of(pid: int) -> Path | None:
    """The group of that process, if it is one of a container."""
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
    """See systemd.resource-control(5)."""
    if value is None:
        return
    match limit:
        case "cpus":
            yield "CPUQuota", f"{max(1, round(float(str(value)) * 100))}%"
        case "memory_mb":
            # As much of swap space again, as Docker has it.
            yield "MemoryMax", f"{value}M"
            yield "MemorySwapMax", f"{value}M"
        case _:
            yield "TasksMax", str(value)


def _manager_environment() -> dict[str, str]:
    return {} if _is_root() else {_RUNTIME: _runtime_directory()}


def _runtime_directory() -> str:
    """Whatever our environment says, as after sudo(8): pam_systemd(8)."""
    return f"/run/user/{os.geteuid()}"


def _is_root() -> bool:
    return os.geteuid() == 0
