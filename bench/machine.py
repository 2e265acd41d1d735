"""What this machine is, and what the containers on it have used of it."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from condor_mini.base.errors import CommandFailed
from condor_mini.engine import command

TICKS = os.sysconf("SC_CLK_TCK")
GROUPS = Path("/sys/fs/cgroup")
ENGINE = {"dockerd", "containerd"}
TIMEOUT_S = 600.0


def docker(*argv: str, stdin: str | None = None) -> str:
    """Return what a docker command writes, without the last line's end.

    Raises:
        CommandFailed: The command failed; has what it wrote to stderr.
    """
    given = None if stdin is None else stdin.encode()
    return command.run(["docker", *argv], timeout_s=TIMEOUT_S, stdin=given).stdout.strip()


def facts() -> list[str]:
    """Return what the machine is, in words; its name is not among them."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return [
        f"{os.cpu_count()} cores ({platform.machine()})",
        f"{memory / 2**30:.0f} GiB of memory",
        platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        f"Linux {platform.release().split('-')[0]}",
        f"Docker {_docker_version()}",
    ]


def _docker_version() -> str:
    try:
        return docker("version", "--format", "{{.Server.Version}}")
    except (CommandFailed, FileNotFoundError):
        return "absent"


# -- what containers use --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Group:
    """The control group of a container (cgroups(7))."""

    cpu: Path
    """Its directory for CPU time; with version 2 of control groups, its only one."""
    memory: Path
    is_unified: bool
    """Whether it is version 2."""

    @classmethod
    def of(cls, pid: int) -> Self:
        """Return the group of a process."""
        paths = {}
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(","):
                paths[controller] = GROUPS / controller / path.lstrip("/")
        unified = paths.get("", GROUPS)
        return cls(
            cpu=paths.get("cpuacct", unified),
            memory=paths.get("memory", unified),
            is_unified="cpuacct" not in paths,
        )

    def cpu_s(self) -> float:
        """Return the CPU time since its start, with that of processes that have ended."""
        if self.is_unified:
            return _values(self.cpu / "cpu.stat")["usage_usec"] / 1e6
        return int((self.cpu / "cpuacct.usage").read_text()) / 1e9

    def memory_mb(self) -> float:
        """Return the memory as Docker shows it: without file pages that are not in use."""
        files = ("memory.current", "inactive_file")
        if not self.is_unified:
            files = ("memory.usage_in_bytes", "total_inactive_file")
        used = int((self.memory / files[0]).read_text())
        return (used - _values(self.memory / "memory.stat")[files[1]]) / 1e6


@dataclass(frozen=True, kw_only=True)
class Groups:
    """The control groups of several containers. The engine's own processes are in none of them."""

    groups: tuple[Group, ...]

    @classmethod
    def of(cls, containers: tuple[str, ...]) -> Self:
        """Return the groups of running containers, and of all that ``docker exec`` runs there."""
        pids = docker("inspect", "-f", "{{.State.Pid}}", *containers).split()
        return cls(groups=tuple(Group.of(int(pid)) for pid in pids))

    def cpu_s(self) -> float:
        """Return the CPU time of all of them."""
        return sum(group.cpu_s() for group in self.groups)

    def memory_mb(self) -> float:
        """Return the memory of all of them."""
        return sum(group.memory_mb() for group in self.groups)


def _values(file: Path) -> dict[str, int]:
    with file.open() as lines:
        return {key: int(value) for key, value in (line.split() for line in lines)}


# -- what processes use ---------------------------------------------------------------------------


def engine_cpu_s() -> float:
    """Return the CPU time of Docker's own processes, their children that have ended included.

    Health checks and other commands are started by them.
    """
    return sum(
        tree_cpu_s([int(stat.parent.name)])
        for stat in Path("/proc").glob("[0-9]*/stat")
        if _name(stat.parent) in ENGINE or _name(stat.parent).startswith("containerd-shim")
    )


def tree_cpu_s(tree: list[int]) -> float:
    """Return the CPU time of processes, with their children that have ended (proc_pid_stat(5))."""
    ticks = 0
    for pid in tree:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


def tree_memory_mb(tree: list[int]) -> float:
    """Return the memory of processes; what several share is divided among them (Pss).

    The source is smaps_rollup of proc_pid_smaps(5).
    """
    kilobytes = 0
    for pid in tree:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1000


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    below: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(stat.read_text("utf-8", "replace").rpartition(")")[2].split()[1])
            below.setdefault(parent, []).append(int(stat.parent.name))

    def under(pid: int) -> list[int]:
        return [pid, *(inner for child in below.get(pid, []) for inner in under(child))]

    return under(pid)


def _name(process: Path) -> str:
    with suppress(OSError):
        return (process / "comm").read_text().strip()
    return ""
