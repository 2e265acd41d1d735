"""The nodes' tokens. The central manager issues them; no other node has the key.

A token names its holder, the authorizations that it is limited to, and when it expires: HTCondor's
manual, "Security", "Token Authentication". The script ``issue-tokens`` has the authorizations of
each role.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, NotFound, PoolNotReady
from condor_mini.base.layout import BACKGROUND_SCRIPTS, REQUEST_SCRIPTS, USER
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
"""The tokens of one node: the node's own, then, on an access point, its users'."""

PATIENCE_S = 60.0
"""How long the engine may take in addition to ``issue-tokens`` itself, in seconds."""
TOKENS_PER_S = 5
"""The lowest rate at which a central manager issues tokens."""
MOST_LOOK_S = 30
"""How long the script ``issue-tokens`` itself waits for the key, in seconds."""
TIMED_OUT = 124
"""The status of timeout(1) when the time is up."""
_LIFETIME = "_CONDOR_NODE_TOKEN_LIFETIME"
KILLED = 137
"""The status of a command whose container ends."""


def issue(
    engine: Engine,
    manager: str,
    roles: Mapping[str, Role],
    deadline: Deadline,
    *,
    lifetime_s: int | None = None,
    user: str = "root",
    stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Issued]:
    """Issue tokens for all nodes but the central manager, and return them by node name.

    Args:
        engine: Engine that the pool is on.
        manager: Id of the central manager's container.
        roles: Roles of the nodes, by node name.
        deadline: Give up then if the central manager's collector has made no key.
        lifetime_s: How long they are good, in seconds. None for ``NODE_TOKEN_LIFETIME``.
        user: User in that container who runs ``issue-tokens``.
        stopped: Returns whether the tokens are no longer needed.

    Raises:
        PoolNotReady: There is no key at the deadline, or the central manager has ended. The
            message says why.
        CancelledError: The tokens are no longer needed.
    """
    recipients = {name: role for name, role in roles.items() if role is not Role.CENTRAL_MANAGER}
    if not recipients:
        return {}
    limit_s = LOOK_S + len(recipients) // TOKENS_PER_S
    stdin = "".join(f"{role} {name}\n" for name, role in recipients.items())
    # A variable _CONDOR_KNOB overrides a knob: HTCondor's manual, "Introduction to Configuration".
    environment = None if lifetime_s is None else {_LIFETIME: str(lifetime_s)}
    issued: list[Issued] = []

    def unissued() -> str | None:
        nonlocal limit_s
        if stopped():
            raise CancelledError
        # A short limit for each attempt, so that ``stopped`` is asked often.
        argv = ["timeout", str(limit_s), f"{REQUEST_SCRIPTS}/issue-tokens"]
        timeout_s = limit_s + PATIENCE_S
        try:
            result = engine.exec(
                manager,
                argv,
                user=user,
                environment=environment,
                stdin=stdin,
                timeout_s=timeout_s,
            )
        except NotFound:
            raise _ended(engine, manager) from None
        issued[:] = [tuple(line.split()) for line in result.stdout.splitlines()]
        if result.returncode == 0 and len(issued) == len(recipients):
            return None
        if result.returncode == TIMED_OUT:
            # On a slow machine, an emulated one say, every attempt would end at the same limit.
            limit_s = max(limit_s, min(2 * limit_s, MOST_LOOK_S))
            return "the central manager's collector has made no key to sign tokens with"
        if result.returncode == KILLED:
            return "the central manager is ending"
        info = engine.inspect(manager)
        if info is None or info.state is not ContainerState.RUNNING:
            raise _ended(engine, manager)
        raise PoolNotReady(f"no tokens could be issued: {result.stderr.strip()}")

    deadline.wait(unissued)
    return dict(zip(recipients, issued, strict=True))


def give(
    manager: Node, nodes: Sequence[Node], deadline: Deadline, *, lifetime_s: int | None = None
) -> None:
    """Issue new tokens and copy them to these nodes, whether the nodes run or not.

    Args:
        manager: The pool's central manager; it runs.
        nodes: Nodes that get tokens. A central manager among them gets none.
        deadline: Give up then if the central manager's collector has made no key.
        lifetime_s: How long they are good, in seconds. None for ``NODE_TOKEN_LIFETIME``.

    Raises:
        PoolNotReady: There is no key at the deadline, or the central manager has ended. The
            message says why.
    """
    issued = issue(
        manager.engine,
        manager.info.id,
        {node.name: node.role for node in nodes},
        deadline,
        lifetime_s=lifetime_s,
        user=USER if manager.has_one_user else "root",
    )

    def put(node: Node) -> None:
        archive = tokens_archive(issued[node.name])
        node.engine.copy_in(node.info.id, archive, at=CONFIGURATION)

    each(put, [node for node in nodes if node.name in issued])


def give_with_users(manager: Node, nodes: Sequence[Node], deadline: Deadline) -> None:
    """Give new tokens to nodes, and to the users of access points that run.

    Args:
        manager: The pool's central manager; it runs.
        nodes: Nodes that get tokens.
        deadline: Give up then if the central manager's collector has made no key.

    Raises:
        PoolNotReady: As for ``give``.
        CommandFailed: The users of an access point could not be given theirs.
    """
    give(manager, nodes, deadline)
    argv = [f"{BACKGROUND_SCRIPTS}/renew-tokens", "users"]
    for node in nodes:
        if node.is_running and node.role.acts_as(Role.ACCESS_POINT):
            result = node.exec(argv, user="root")
            if result.returncode != 0:
                raise CommandFailed(argv, result.returncode, result.stderr)


def _ended(engine: Engine, container: str) -> PoolNotReady:
    """Return the error that says how the central manager's container ended."""
    info = engine.inspect(container)
    if info is None:
        return PoolNotReady("the central manager was removed while the pool was starting")
    try:
        return node_of(engine, info).ended()
    except Malformed as why:
        return PoolNotReady(f"the central manager was changed while the pool was starting: {why}")
