"""A fault of nodes: a clock that is wrong."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, PoolNotReady, UsageError
from condor_mini.base.waiting import wait_until
from condor_mini.faults import beside, daemons
from condor_mini.faults.action import Action, Target, run
from condor_mini.faults.catalogue import SWITCHED

if TYPE_CHECKING:
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

MASTER_TIMEOUT_S = 30.0
LIBRARY = "/usr/lib/*/faketime/libfaketime.so.1"
"""Where Debian's package libfaketime has it."""
UNPACK = (
    "mkdir -p -m 755 /run/condor-mini/fault-clock && cd /run/condor-mini/fault-clock && "
    "base64 -d >libfaketime.so.1 && chmod 644 libfaketime.so.1"
)


def _switched(node: Node) -> list[str]:
    return [daemon for daemon in SWITCHED if daemons.runs(node, daemon)]


def _look(target: Target) -> str:
    by = round(target.number("by"))
    if by == 0:
        raise UsageError("clock --by 0: that is no fault")
    beside.prepare(target.node, target.progress)
    return f"{by:+d}"


def _strike(target: Target, by: str) -> None:
    node = target.node
    library = beside.output(node, f"base64 {LIBRARY}")
    run(node, "sh", "-c", UNPACK, stdin=library)
    names = [daemon.upper() for daemon in _switched(node)]
    _run(node, "make", by, *names)
    _restart(node)


def _undo(pool: PoolNodes, node: Node, by: str) -> None:
    del pool, by
    if _end(node):
        _restart(node)
    _run(node, "forget")


def _end(node: Node) -> bool:
    """Give the daemons the right clock at their next start; return whether they had another one.

    A master that is just starting does not answer yet.
    """
    output = ""

    def deaf() -> str | None:
        nonlocal output
        try:
            output = _run(node, "end")
        except CommandFailed as failure:
            return failure.message
        return None

    wait_until(deaf, timeout_s=MASTER_TIMEOUT_S, interval_s=0.2, error=PoolNotReady)
    return bool(output)


def _restart(node: Node) -> None:
    for daemon in _switched(node):
        daemons.switch_off(node, daemon)
        daemons.switch_on(node, daemon)


def _run(node: Node, *words: str) -> str:
    script = (resources.files(__package__) / "clock.sh").read_text("utf-8")
    return run(node, "sh", "-s", *words, stdin=script)


ACTIONS = {"clock": Action(look=_look, strike=_strike, undo=_undo)}
