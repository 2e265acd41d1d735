"""Faults of daemons: kill, freeze, stop, restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, NotFound, PoolNotReady
from condor_mini.base.waiting import wait_until
from condor_mini.faults import processes
from condor_mini.faults.action import Action, Target, run
from condor_mini.lifecycle.debug_levels import RUNS_ON
from condor_mini.lifecycle.master_commands import command_master
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

ROLES = {**RUNS_ON, "procd": tuple(Role)}
"""The roles that run each daemon."""
WITH_JOBS = {"shadow": "they run only while jobs run", "starter": "they run only while jobs run"}
SWITCH_TIMEOUT_S = 30.0
GRACE_S = 60.0
"""How long a daemon may take to end beyond what its master gives it.

With jobs that were just being started, 53 s were seen in all (2026-11-29).
"""
_TIMES = ("SHUTDOWN_GRACEFUL_TIMEOUT", "SHUTDOWN_FAST_TIMEOUT")
"""How long the master waits for a daemon to end: masterDaemon.cpp.

After the first time it sends SIGQUIT (``daemon::StopFast``), and after the second one SIGKILL to
the daemon and all its children (``daemon::HardKill``).
"""


def runs(node: Node, daemon: str) -> bool:
    """Return whether nodes of that role run a daemon."""
    return any(map(node.role.acts_as, ROLES[daemon]))


def _running(target: Target) -> list[str]:
    found = processes.find(target.node, target.daemon)
    if found:
        return found
    why = WITH_JOBS.get(target.daemon, "")
    raise NotFound(
        f"no {target.daemon} runs on {target.node.name}{why and f': {why}'}",
        hint=f"See what runs: condor-mini status -n {target.node.pool}",
    )


def _look(target: Target) -> str:
    return " ".join(_running(target))


def _look_to_freeze(target: Target) -> str:
    processes.require_stopping(target.node)
    return _look(target)


def _look_to_switch(target: Target) -> str:
    _running(target)
    return ""


def _kill(target: Target, found: str) -> None:
    try:
        processes.signal(target.node, "KILL", found.split())
    except (CommandFailed, PoolNotReady):
        if target.daemon != "master":  # the node ends with its master, and so does the command
            raise


def _freeze(target: Target, found: str) -> None:
    processes.signal(target.node, "STOP", found.split())


def _thaw(_: PoolNodes, node: Node, found: str) -> None:
    processes.signal(node, "CONT", found.split())


def _switch_off(target: Target, _: str) -> None:
    switch_off(target.node, target.daemon)


def switch_off(node: Node, daemon: str) -> None:
    """Switch off a daemon, and wait until it has ended.

    Raises:
        PoolNotReady: It does not end in time.
    """
    problem = command_master(node, "condor_off", "-daemon", daemon)

    def still() -> str | None:
        found = processes.find(node, daemon)
        return f"{daemon} still runs on {node.name}{problem and f': {problem}'}" if found else None

    wait_until(still, timeout_s=_time_to_end(node), error=PoolNotReady)


def _time_to_end(node: Node) -> float:
    """Return how long a daemon of a node may take to end, in seconds."""
    return GRACE_S + sum(map(float, run(node, "condor_config_val", *_TIMES).split()))


def switch_on(node: Node, daemon: str) -> None:
    """Switch on a daemon, and wait until it runs.

    condor_on is repeated: the master starts no daemon while the old one is still ending.

    Raises:
        PoolNotReady: It does not run in time.
    """

    def off() -> str | None:
        try:
            problem = command_master(node, "condor_on", "-daemon", daemon)
        except CommandFailed as failure:
            return failure.message
        found = processes.find(node, daemon)
        return None if found else f"no {daemon} runs on {node.name}{problem and f': {problem}'}"

    wait_until(off, timeout_s=SWITCH_TIMEOUT_S, interval_s=0.2, error=PoolNotReady)


def _switch_on(_: PoolNodes, node: Node, daemon: str) -> None:
    switch_on(node, daemon)


def _remember(target: Target) -> str:
    _look_to_switch(target)
    return target.daemon


ACTIONS = {
    "kill": Action(look=_look, strike=_kill),
    "freeze": Action(look=_look_to_freeze, strike=_freeze, undo=_thaw),
    "stop": Action(look=_remember, strike=_switch_off, undo=_switch_on),
    "restart": Action(look=_remember, strike=_switch_off, undo=_switch_on),
}
