"""The nodes' tokens, which the central manager issues; nothing else has the key.

A token says who its holder is, which authorizations it has at most, and until when: HTCondor's
manual, "Security", "Token Authentication". Which a role has stands in ``issue-tokens``.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

from condor_mini.base.errors import NotFound, PoolNotReady
from condor_mini.base.layout import REQUEST_SCRIPTS, USER
from condor_mini.base.parallel import each
from condor_mini.engine import ContainerState
from condor_mini.lifecycle.ready import LOOK_S
from condor_mini.nodes.archive import tokens_archive
from condor_mini.nodes.node import Malformed, Role, node_of
from condor_mini.nodes.planned_node import CONFIGURATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from condor_mini.engine import Engine
    from condor_mini.lifecycle.ready import Deadline
    from condor_mini.nodes.node import Node

Issued = tuple[str, ...]
"""A node's own token; behind an access point's, its users'."""

PATIENCE_S = 60.0
TOKENS_PER_S = 5
"""That a central manager issues, at the very least."""
MOST_LOOK_S = 30
"""So long the script itself waits for the key."""
TIMED_OUT = 124
"""How timeout(1) ends."""
KILLED = 137
"""How all that is in a container ends with it."""


def issue(
    engine: Engine,
    manager: str,
    roles: Mapping[str, Role],
    deadline: Deadline,
    *,
    user: str = "root",
    stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Issued]:
    """Tokens for each node that needs one, by the node's name.

    Args:
        engine: Where.
        manager: The container of the central manager.
        roles: The nodes' roles, by name.
        deadline: Until when its collector must have made the key.
        user: Who issues them there.
        stopped: Whether nobody wants them any more.

    Raises:
        PoolNotReady: There is no key at the deadline, or the central manager has ended; says why.
        CancelledError: Nobody wants them any more.
    """
    needy = {name: role for name, role in roles.items() if role is not Role.CENTRAL_MANAGER}
    if not needy:
        return {}
    look_s = LOOK_S + len(needy) // TOKENS_PER_S
    stdin = "".join(f"{role} {name}\n" for name, role in needy.items())
    issued: list[Issued] = []

    def unissued() -> str | None:
        nonlocal look_s
        if stopped():
            raise CancelledError
        # Not longer at a time, so that an end that is asked for comes soon.
        argv = ["timeout", str(look_s), f"{REQUEST_SCRIPTS}/issue-tokens"]
        try:
            said = engine.exec(manager, argv, user=user, stdin=stdin, timeout_s=look_s + PATIENCE_S)
        except NotFound:
            raise _ended(engine, manager) from None
        issued[:] = [tuple(line.split()) for line in said.stdout.splitlines()]
        if said.returncode == 0 and len(issued) == len(needy):
            return None
        if said.returncode == TIMED_OUT:
            # Where it takes longer by itself, as on an emulated machine, it would never end.
            look_s = max(look_s, min(2 * look_s, MOST_LOOK_S))
            return "the central manager's collector has made no key to sign tokens with"
        if said.returncode == KILLED:
            return "the central manager is ending"
        info = engine.inspect(manager)
        if info is None or info.state is not ContainerState.RUNNING:
            raise _ended(engine, manager)
        raise PoolNotReady(f"no tokens could be issued: {said.stderr.strip()}")

    deadline.wait(unissued)
    return dict(zip(needy, issued, strict=True))


def give(manager: Node, nodes: Sequence[Node], deadline: Deadline) -> None:
    """Give these nodes new tokens, whether they run or not.

    Args:
        manager: The pool's central manager, which runs.
        nodes: Who gets one; the central manager needs none.
        deadline: As in ``issue``.

    Raises:
        PoolNotReady: As in ``issue``.
    """
    issued = issue(
        manager.engine,
        manager.info.id,
        {node.name: node.role for node in nodes},
        deadline,
        user=USER if manager.has_one_user else "root",
    )

    def put(node: Node) -> None:
        archive = tokens_archive(issued[node.name])
        node.engine.copy_in(node.info.id, archive, at=CONFIGURATION)

    each(put, [node for node in nodes if node.name in issued])


def _ended(engine: Engine, container: str) -> PoolNotReady:
    """The error that says how a container has ended that was to run."""
    info = engine.inspect(container)
    if info is None:
        return PoolNotReady("the central manager was removed while the pool was starting")
    try:
        return node_of(engine, info).ended()
    except Malformed as why:
        return PoolNotReady(f"the central manager was changed while the pool was starting: {why}")
