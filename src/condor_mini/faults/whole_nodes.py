"""Faults of nodes: kill, pause, stop, drain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import PoolNotReady, UsageError
from condor_mini.faults import processes
from condor_mini.faults.action import Action, Target, run
from condor_mini.lifecycle.ready import Deadline
from condor_mini.lifecycle.recreate import check_startable
from condor_mini.lifecycle.stop_and_start import STOP_TIMEOUT_S, start_containers
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

START_TIMEOUT_S = 15.0
"""How long the central manager may take to issue tokens."""
_NAME = "FULL_HOSTNAME"
"""The knob with the name of a node's startd."""


def _look_to_end(target: Target) -> str:
    if target.node.is_personal:
        raise UsageError(
            f"{target.node.name} is a personal pool: its node is the whole pool",
            hint=f"Stop the pool: condor-mini stop -n {target.node.pool}. Or create one of several "
            "nodes: condor-mini create",
        )
    return ""


def _look_to_remove(target: Target) -> str:
    check_startable(target.pool.engine, target.pool.name)
    return _look_to_end(target)


def _kill(target: Target, _: str) -> None:
    processes.kill_all(target.node)


def _stop(target: Target, _: str) -> None:
    target.node.engine.stop(target.node.info.id, timeout_s=STOP_TIMEOUT_S)


def _start(pool: PoolNodes, node: Node, _: str) -> None:
    if node.is_running:
        return
    try:
        start_containers(node.engine, pool.name, [node], Deadline(START_TIMEOUT_S))
    except PoolNotReady:
        # The central manager may be struck too. The node has the tokens that it had.
        node.engine.start(node.info.id)


def _remove(target: Target, _: str) -> None:
    target.node.engine.remove(target.node.info.id)


def _look_to_pause(target: Target) -> str:
    processes.require_stopping(target.node)
    return " ".join(processes.stopped(target.node))


def _pause(target: Target, _: str) -> None:
    processes.stop_all(target.node)


def _go_on(_: PoolNodes, node: Node, stopped: str) -> None:
    processes.continue_all(node, stopped.split())


def _look_to_drain(target: Target) -> str:
    if target.node.role.acts_as(Role.EXECUTION_POINT):
        return ""
    raise UsageError(
        f"{target.node.name} is no execution point: only these are drained",
        hint=f"See which there are: condor-mini status -n {target.node.pool}",
    )


def _drain(target: Target, _: str) -> None:
    run(target.node, "condor_drain", run(target.node, "condor_config_val", _NAME).strip())


def _end_drain(_: PoolNodes, node: Node, __: str) -> None:
    name = run(node, "condor_config_val", _NAME).strip()
    # The startd refuses to cancel what it does not do: after its restart there is nothing to undo.
    # It is asked itself: its ad at the collector may be from before the fault.
    ask = ["condor_status", "-direct", name, "-af", "State", "-constraint", _DRAINING]
    draining = run(node, *ask)
    if draining.strip():
        run(node, "condor_drain", "-cancel", name)


_DRAINING = 'Draining =?= true || State == "Drained"'

ACTIONS = {
    "kill-node": Action(look=_look_to_end, strike=_kill, undo=_start),
    "remove-node": Action(look=_look_to_remove, strike=_remove, undo=_start),
    "pause-node": Action(look=_look_to_pause, strike=_pause, undo=_go_on),
    "stop-node": Action(look=_look_to_end, strike=_stop, undo=_start),
    "drain-node": Action(look=_look_to_drain, strike=_drain, undo=_end_drain),
}
