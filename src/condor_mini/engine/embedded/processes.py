"""Kills processes together with their descendants."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def kill_all(pids: Sequence[int]) -> bool:
    """Kill processes before any sees another one's end; return whether any was there."""
    if len(pids) > 1:
        _send(pids, Signals.SIGSTOP)
    return _send(pids, Signals.SIGKILL)


def kill_tree(pid: int) -> None:
    """Kill all descendants of a process, but not the process itself."""
    stopped: list[int] = []
    # Stop them first: otherwise they start more, and orphans get another parent.
    while new := [child for child in _descendants(pid) if child not in stopped]:
        _send(new, Signals.SIGSTOP)
        stopped += new
    _send(stopped, Signals.SIGKILL)


def _send(pids: Sequence[int], number: Signals) -> bool:
    sent = False
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            sent = True
    return sent


def _descendants(pid: int) -> list[int]:
    """Return the children of a process, and theirs."""
    children: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (place / "stat").read_text("utf-8", "replace").rpartition(")")[2]
            children.setdefault(int(fields.split()[1]), []).append(int(place.name))
    found, ahead = [], [pid]
    while ahead:
        new = children.get(ahead.pop(), [])
        found += new
        ahead += new
    return found
