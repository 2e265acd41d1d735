"""The processes of a node: find them, and send them signals.

A process is ``PID:START``, so that no other one is struck that has got its number.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import resources
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, EngineCapabilityError, PoolNotReady
from condor_mini.base.layout import USER
from condor_mini.base.waiting import wait_until
from condor_mini.engine import ContainerState
from condor_mini.engine.several import engine_at, host_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.nodes.node import Node

TIMEOUT_S = 20.0
END_TIMEOUT_S = 15.0
SIGNALS = (
    *("ABRT", "BUS", "FPE", "HUP", "ILL", "INT", "KILL"),
    *("PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2", "XCPU"),
)
"""The signals that end a program that does not handle them: signal(7)."""
_WHO = ("root", USER)
"""The node's root may not signal the processes of its users, unless the node has CAP_KILL."""


def require_stopping(node: Node) -> None:
    """Raise ``EngineCapabilityError`` if SIGSTOP does not stop the processes of a node."""
    require_namespaces(
        node,
        f"processes of {node.name} cannot be stopped: without namespaces PRoot lets them go on",
    )


def require_namespaces(node: Node, problem: str) -> None:
    """Raise ``EngineCapabilityError`` with the problem if a node's engine has no namespaces."""
    if engine_at(node.engine, host_of(node.info.id)).info().stops_processes:
        return
    raise EngineCapabilityError(
        problem,
        hint="Use Docker, Podman, or the embedded engine where namespaces can be made: "
        "condor-mini doctor says why they cannot",
    )


def find(node: Node, daemon: str) -> list[str]:
    """Return the processes of a daemon on a node."""
    return _run(node, "find", daemon)


def starter(node: Node, slot: str) -> list[str]:
    """Return the starter of a slot on a node: ``slot1_2``."""
    return _run(node, "starter", slot)


def below_starter(node: Node, slot: str) -> list[str]:
    """Return the processes that the starter of a slot has started: the job's first one."""
    return _run(node, "below-starter", slot)


def stopped(node: Node) -> list[str]:
    """Return the processes of a node that are stopped."""
    return _run(node, "stopped")


def signal(node: Node, name: str, processes: Sequence[str]) -> list[str]:
    """Send a signal (``STOP``) to processes; return those that existed."""
    return _run(node, "signal", name, *processes) if processes else []


def stop_all(node: Node) -> None:
    """Stop all processes of a node but its first one."""
    for user in _WHO:
        _run(node, "stop", user=user)


def continue_all(node: Node, but: Sequence[str]) -> None:
    """Let all stopped processes of a node go on, but for some."""
    for user in reversed(_WHO):
        _run(node, "continue", *but, user=user)


def kill_all(node: Node) -> None:
    """Kill all processes of a node, and wait until the node has ended.

    Raises:
        PoolNotReady: It has not ended in time.
    """
    with suppress(PoolNotReady, CommandFailed):  # it ends during the command
        _run(node, "kill")
    await_end(node)


def await_end(node: Node) -> None:
    """Wait until a node has ended; raise ``PoolNotReady`` if it does not."""

    def runs() -> str | None:
        info = node.engine.inspect(node.info.id)
        runs = info is not None and info.state is ContainerState.RUNNING
        return f"{node.name} still runs" if runs else None

    wait_until(runs, timeout_s=END_TIMEOUT_S, error=PoolNotReady)


def _run(node: Node, *arguments: str, user: str = "root") -> list[str]:
    argv = ["sh", "-s", *arguments]
    result = node.exec(argv, user=user, stdin=_script(), timeout_s=TIMEOUT_S)
    if result.returncode != 0:
        raise CommandFailed(result.argv, result.returncode, result.stderr or result.stdout)
    return result.stdout.split()


def _script() -> str:
    return (resources.files(__package__) / "processes.sh").read_text("utf-8")
