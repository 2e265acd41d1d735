"""Faults of nodes: all of the CPU, or of the memory, is used by somebody else."""

from __future__ import annotations

from functools import partial
from importlib import resources
from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError, UsageError
from condor_mini.faults.action import Action, Target, run
from condor_mini.faults.processes import require_stopping

if TYPE_CHECKING:
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

TIMEOUT_S = 60.0
LEFT_FREE = 0.1
"""The part of its limit, or of the machine's memory, that is left free.

The processes themselves take some half of it.
"""


def _run(node: Node, *words: str) -> str:
    script = (resources.files(__package__) / "pressure.sh").read_text("utf-8")
    return run(node, "sh", "-s", *words, stdin=script, timeout_s=TIMEOUT_S)


def room(node: Node) -> tuple[int, int, int]:
    """Return a node's memory limit, what of it is taken, and what the machine has left, in MiB.

    No limit is 0.
    """
    limit, taken, left = map(int, _run(node, "room").split())
    return limit, taken, left


def _look_for_cpu(target: Target) -> str:
    require_stopping(target.node)
    return f"cpu {round(target.number('processes')) if 'processes' in target.options else 0}"


def _look_for_memory(target: Target) -> str:
    node = target.node
    require_stopping(node)
    limit, taken, left = room(node)
    most = int(limit * (1 - LEFT_FREE)) - taken if limit else int(left * (1 - LEFT_FREE))
    if "mb" not in target.options and not limit:
        raise UsageError(
            f"{node.name} has no memory limit, so all memory of the machine would be used",
            hint="Say how much: --mb 500. Or give the node a limit in the pool file: "
            "limit: {memory: 1G}",
        )
    wanted = round(target.number("mb")) if "mb" in target.options else most
    if not 0 < wanted <= most:
        raise EngineCapabilityError(
            f"{node.name} cannot be deprived of {wanted} MiB of memory: "
            + (f"of its {limit} MiB {taken} are in use" if limit else f"{left} MiB are free"),
            hint=f"Take less: --mb {max(1, most // 2)}",
        )
    return f"memory {wanted}"


def _strike(target: Target, words: str) -> None:
    _run(target.node, "make", *words.split())


def _undo(pool: PoolNodes, node: Node, words: str) -> None:
    del pool
    _run(node, "end", words.partition(" ")[0])


_pressure = partial(Action, strike=_strike, undo=_undo)

ACTIONS = {
    "cpu-pressure": _pressure(look=_look_for_cpu),
    "memory-pressure": _pressure(look=_look_for_memory),
}
