"""Who holds a fault: a process, and whether it still exists."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from pathlib import Path

from condor_mini.nodes.fault_records import FaultHolder

PROC = Path("/proc")
PS_TIMEOUT_S = 10.0
_START_FIELD = 19
"""Place of a process's start among the fields after its name: proc_pid_stat(5), field 22."""


def this_process() -> FaultHolder:
    """Return this process as the holder of a fault."""
    return FaultHolder(
        host=platform.node(), pid=os.getpid(), started=started(os.getpid()), space=_space()
    )


def is_gone(holder: FaultHolder) -> bool:
    """Return whether a holder is known to exist no more.

    A process of another host, or of another PID namespace of this one, is not known.
    """
    if holder.host != platform.node():
        return False
    boot, _, namespace = holder.space.partition(" ")
    our_boot, _, our_namespace = _space().partition(" ")
    if boot != our_boot:
        return True
    return namespace == our_namespace and started(holder.pid) != holder.started


def started(pid: int) -> str:
    """Return when a process was started, in the words of this host; empty if there is none."""
    if PROC.is_dir():
        with suppress(OSError, IndexError):
            fields = (PROC / f"{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            return fields[_START_FIELD]
        return ""
    result = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        timeout=PS_TIMEOUT_S,
        check=False,
    )
    return result.stdout.strip()


def _space() -> str:
    """Return the boot of this host, and the PID namespace of this process; empty without /proc."""
    with suppress(OSError):
        boot = (PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {(PROC / 'self/ns/pid').readlink()}"
    return ""
