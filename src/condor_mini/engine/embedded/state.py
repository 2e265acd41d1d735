"""Whether a container runs: what its processes have recorded, and whether they live."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed
from condor_mini.base.tree import Tree
from condor_mini.engine.embedded.sandbox import PID_FOLDER, ROOT, InitProcess
from condor_mini.engine.values import ContainerInfo, ContainerState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from condor_mini.engine.embedded.records import Record

STARTED = "started"
SHIM = "keeper"
"""The file with the shim's process number; containers of older versions have it under this name."""
EXIT, NEXT_EXIT = "exit", ".exit"
"""Files with the status; ``exit`` appears once the log is complete too."""
KILLED = 137
"""The status of SIGKILL in a shell, for a container whose shim was killed before it wrote one."""


def reset(record: Record) -> None:
    """Forget an earlier run."""
    for name in (f"{PID_FOLDER}/pid", EXIT, NEXT_EXIT, SHIM):
        (record.path / name).unlink(missing_ok=True)


def last_init(record: Record) -> InitProcess | None:
    """Return the first process of the last run, which may have ended."""
    words = _note(record)
    return InitProcess(pid=int(words[0]), parent=int(words[1])) if words else None


def live_init(record: Record) -> InitProcess | None:
    """Return the first process while it lives, or until its end is noted."""
    words = _note(record)
    if not words or has_ended(record):
        return None
    first = InitProcess(pid=int(words[0]), parent=int(words[1]))
    start, boot = words[2:]
    if _words(Path("/proc/sys/kernel/random"), "boot_id", 1) != [boot]:
        return None
    if _lives(first.pid, start) or shim(record) is not None:
        return None if has_ended(record) else first
    return None


def is_ending(record: Record) -> bool:
    """Return whether its end has begun and is not noted yet.

    The first process has ended, or has lost its parent, with which it is killed.
    """
    words = _note(record)
    if not words or live_init(record) is None:
        return False
    pid, parent, start, _ = words
    return _fields_of(int(pid))[1:2] != [parent] or not _lives(int(pid), start)


def shim(record: Record) -> int | None:
    """Return the shim's process number if it lives; its process group has all that we started."""
    words = _words(record.path, SHIM, 2)
    return int(words[0]) if words and _lives(int(words[0]), words[1]) else None


def has_ended(record: Record) -> bool:
    """Return whether its end is noted."""
    return (record.path / EXIT).exists()


def info(record: Record, volumes: Mapping[str, str]) -> ContainerInfo:
    """Return what ``Engine.inspect`` reports; ``volumes`` are names by path in the container."""
    # Ask this first: the container may start between the two questions.
    has_started = last_init(record) is not None or has_ended(record)
    first = live_init(record)
    state = ContainerState.CREATED
    code: int | None = None
    started_at = None
    if first or has_started:
        state = ContainerState.RUNNING if first else ContainerState.EXITED
        code = None if first else _status(record)
        with suppress(OSError, ValueError):
            started_at = datetime.fromisoformat((record.path / STARTED).read_text("utf-8"))
    address, ports = record.facts["address"], record.facts["spec"]["ports"]
    return ContainerInfo(
        id=record.id,
        name=record.name,
        image=record.facts["image"],
        state=state,
        exit_code=code,
        health=None,
        labels=record.labels,
        addresses={record.facts["network"]: address} if first else {},
        mounts={target: source for source, target, _ in record.facts["mounts"]},
        volumes=volumes,
        started_at=started_at,
        ports={port["container_port"]: f"{address}:{port['container_port']}" for port in ports}
        if first
        else {},
    )


def account(record: Record, user: str) -> tuple[int, int, str]:
    """Return UID, GID and home of a container's user: a name, a number, or both numbers."""
    name, _, group = user.partition(":")
    for entry in _accounts(record.path / ROOT):
        if name in (entry[0], entry[2]):
            gid = group or entry[3]
            return int(entry[2]), int(gid), entry[5]
    if not name.isdigit():
        raise CommandFailed(("user", user), 1, f"there is no user {name} in {record.name}")
    return int(name), int(group or 0), "/root" if name == "0" else "/"


def _accounts(root: Path) -> list[list[str]]:
    """Return the lines of its ``/etc/passwd``; no link is followed, which could leave it."""
    text = _text(root, "etc/passwd")
    return [line.split(":") for line in text.split("\n") if line.count(":") == 6]


def _status(record: Record) -> int:
    for name in (EXIT, NEXT_EXIT):
        with suppress(OSError, ValueError):
            return int((record.path / name).read_text("utf-8"))
    return KILLED


def _note(record: Record) -> list[str]:
    """Return the numbers of the first process and its parent, its start time, and the boot id."""
    return _words(record.path, f"{PID_FOLDER}/pid", 4)


def _words(folder: Path, name: str, count: int) -> list[str]:
    """Return the words of a file with one line; none if it is absent or incomplete."""
    text = _text(folder, name)
    return text.split() if text.endswith("\n") and len(text.split()) == count else []


def _text(folder: Path, name: str) -> str:
    """Return a file that a container may write, or nothing; no link is followed."""
    with suppress(OSError), Tree.open(folder) as tree, tree.read(name) as file:
        return file.read().decode("utf-8", "replace")
    return ""


def _lives(pid: int, start: str) -> bool:
    """Return whether that very process runs: numbers alone are used again."""
    fields = _fields_of(pid)
    return fields[19:20] == [start] and fields[0] not in "ZX"


def _fields_of(pid: int) -> list[str]:
    """Return the fields of proc_pid_stat(5) from its state on; none if there is no such process."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return []
