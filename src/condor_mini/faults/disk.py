"""A fault of nodes: a full disk."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError, NotFound, UsageError
from condor_mini.base.progress import Progress
from condor_mini.faults import beside
from condor_mini.faults.action import Action, Target, run

if TYPE_CHECKING:
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

SCRIPT = "disk.sh"
_PATH = re.compile(r"(/[A-Za-z0-9._+@-]+)+")
"""Others would have to be quoted in what mount(8) and /proc/mounts have."""
_NOT_A_DISK = ("/proc", "/sys", "/dev")


def _look(target: Target) -> str:
    node = target.node
    path = _path(target)
    if node.exec(["test", "-d", path], user="root").returncode != 0:
        raise NotFound(f"{node.name} has no directory {path}")
    beside.prepare(node, target.progress)
    trial = beside.try_in_mounts(node, SCRIPT, "make", "/mnt")
    if trial.returncode != 0:
        raise EngineCapabilityError(
            f"{node.engine.name} cannot give a node a full disk: {trial.stderr.strip()}",
            hint="It needs a container that may mount (CAP_SYS_ADMIN), and the kernel's overlay",
        )
    return path


def _path(target: Target) -> str:
    given = target.options.get("path")
    path = run(target.node, "condor_config_val", "EXECUTE").strip() if given is None else str(given)
    path = path.rstrip("/")
    if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise UsageError(f"--path {given or path}: the whole path of a directory is wanted")
    if any(f"{path}/".startswith(f"{other}/") for other in _NOT_A_DISK):
        raise UsageError(f"--path {path}: that is on no disk")
    return path


def _strike(target: Target, path: str) -> None:
    beside.run_in_mounts(target.node, SCRIPT, "make", path)


def _undo(pool: PoolNodes, node: Node, path: str) -> None:
    del pool
    beside.prepare(node, Progress())  # its image may have been removed meanwhile
    beside.run_in_mounts(node, SCRIPT, "end", path)


ACTIONS = {"disk-full": Action(look=_look, strike=_strike, undo=_undo)}
