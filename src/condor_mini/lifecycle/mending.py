"""Finish on running nodes what a process that was killed has left half done.

`scale` switches off the startd of an execution point before it removes the node, and `rotate-key`
replaces the key before it hands out tokens. A node that `stop` or `restart` has told to end still
runs for a while. Each step here changes nothing on a node that is whole.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.layout import BACKGROUND_SCRIPTS, KEYS, REQUEST_SCRIPTS
from condor_mini.base.parallel import each
from condor_mini.lifecycle import node_tokens
from condor_mini.lifecycle.startup import let_users_write
from condor_mini.nodes.node import Role
from condor_mini.nodes.record import recorded_nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.lifecycle.ready import Deadline
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import PoolSpec

TIMEOUT_S = 30.0
_WITH_KEY = f'[ -s {KEYS}/POOL ] || exec "$0"'


def switch_on(nodes: Sequence[Node]) -> None:
    """Switch on all daemons of nodes that run.

    If a node was told to end and still runs, wait until it has ended: it is to be started again.
    """
    each(lambda node: _try(node, f"{REQUEST_SCRIPTS}/switch-on"), nodes)


def mend(
    all_nodes: Sequence[Node], ran: Sequence[Node], spec: PoolSpec, deadline: Deadline
) -> None:
    """Give nodes that ran before valid tokens, and let users write to their volumes.

    What fails here is not reported: the wait for the pool names what is missing.

    Args:
        all_nodes: All nodes of the pool, the central manager first.
        ran: Those that ran before the command.
        spec: Spec that the pool was created from.
        deadline: Give up then if the central manager has no key.

    Raises:
        PoolNotReady: The central manager can issue no tokens.
    """
    if not ran:
        return
    manager = all_nodes[0]
    planned = recorded_nodes(spec, [node.identity for node in ran])
    each(lambda node: _open_volumes(node, planned), ran)
    if manager.role is not Role.CENTRAL_MANAGER or not manager.is_running:
        return
    if manager in ran:
        # The collector makes a key when it starts.
        _try(manager, "sh", "-c", _WITH_KEY, f"{REQUEST_SCRIPTS}/restart-collector")
    node_tokens.give(manager, ran, deadline)
    for node in ran:
        if node.role is Role.ACCESS_POINT:
            _try(node, f"{BACKGROUND_SCRIPTS}/renew-tokens", "users")


def _try(node: Node, *argv: str) -> None:
    with suppress(CondorMiniError):
        node.exec(argv, user="root", timeout_s=TIMEOUT_S)


def _open_volumes(node: Node, planned: Sequence[PlannedNode]) -> None:
    for plan in planned:
        if plan.name == node.name:
            let_users_write(node.engine, node.info.id, plan)
