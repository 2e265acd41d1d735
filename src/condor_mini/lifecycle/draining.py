"""Drain execution points: they accept no new jobs, and those that run may end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, PoolNotReady, TimedOut
from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.base.waiting import wait_until
from condor_mini.base.words import counted
from condor_mini.lifecycle.master_commands import command_master

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.nodes.node import Node

# Only a child of this node's master counts: without a process namespace, the startds of other
# nodes are visible too.
_STARTD = (
    f"master=$({REQUEST_SCRIPTS}/who | sed -n 's/^MASTER_PID = //p'); "
    'grep -qs "(condor_startd) [A-Z] $master " /proc/[0-9]*/stat'
)


def drain(
    nodes: Sequence[Node],
    progress: Progress,
    *,
    grace_s: float,
    requeue: Callable[[], None] = lambda: None,
    vacate_s: float = 0,
) -> None:
    """Let the nodes accept no new jobs, and wait until their jobs end or the grace period is over.

    Args:
        nodes: Execution points that run.
        progress: Receives the phase.
        grace_s: How long the jobs may run, in seconds.
        requeue: Puts the jobs that still run then back into their queues.
        vacate_s: How long that may take, in seconds.

    Raises:
        PoolNotReady: The jobs do not end, or a node does not obey.
    """
    what = counted(len(nodes), "execution point")
    with progress.step(f"Draining {what}", done=f"Drained {what}") as detail:
        for node in nodes:
            # condor_off(1): -peaceful waits for the jobs, however long they run.
            try:
                command_master(node, "condor_off", "-peaceful", "-daemon", "startd")
            except CommandFailed as failure:
                raise PoolNotReady(
                    f"condor_off failed on {node.name}: {failure.stderr.strip()}"
                ) from None

        def busy() -> str | None:
            left = [node for node in nodes if _runs_startd(node)]
            if not left:
                return None
            text = f"jobs run on {', '.join(node.name for node in left)}"
            detail(text)
            return text

        try:
            wait_until(busy, timeout_s=grace_s, interval_s=0.3)
        except TimedOut:
            left = ", ".join(node.name for node in nodes if _runs_startd(node))
            progress.note(
                f"Jobs still ran on {left} after {grace_s:g} s; they are put back into the queue"
            )
            requeue()
            if vacate_s:
                wait_until(busy, timeout_s=vacate_s, interval_s=0.3, error=PoolNotReady)


def _runs_startd(node: Node) -> bool:
    """Return whether the node's startd process exists.

    The master itself cannot be asked: it reports the startd as off from the moment that the startd
    is told to end.
    """
    return node.exec(["sh", "-c", _STARTD], user="root").returncode == 0
