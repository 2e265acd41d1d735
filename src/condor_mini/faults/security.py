"""Faults of tokens and keys: revoked, expired, lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from condor_mini.base.errors import NotFound, UsageError
from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.faults.action import Action, Target, run
from condor_mini.lifecycle import node_tokens
from condor_mini.lifecycle.ready import Deadline
from condor_mini.members.issued_tokens import installed_on
from condor_mini.members.joined import joined_names, warn_of
from condor_mini.members.membership import Members
from condor_mini.nodes.claims import authorizations_of
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

TOKENS_TIMEOUT_S = 15.0
"""How long the central manager may take to issue tokens."""
EXPIRED_AFTER_S = 1


def manager_of(pool: PoolNodes) -> Node:
    """Return the central manager, which issues the tokens; raises if it is elsewhere or ended."""
    node = pool.node(role=Role.CENTRAL_MANAGER)
    if not node.is_running:
        raise node.ended()
    return node


def own_token(target: Target) -> tuple[str, str]:
    """Return the id and the file of the token with which a node reports to the central manager.

    Raises:
        UsageError: The node is the central manager, which has none, or has joined another host's.
        NotFound: A password lets the node in.
        PoolNotReady: The central manager, which issues tokens, does not run.
    """
    node = target.node
    if node.role.acts_as(Role.CENTRAL_MANAGER):
        raise UsageError(
            f"{node.name} is the central manager: it has the key, and no token",
            hint=f"Strike another node, or its key: condor-mini fault lose-key -n {node.pool} "
            + node.name.removeprefix(f"{node.pool}-"),
        )
    if not node.joined_to:
        manager_of(target.pool)
    token, file = _installed_token(node)
    if node.joined_to:
        raise UsageError(
            f"the token of {node.name} is from the central manager at {node.joined_to}, which is "
            "on another host: it can be revoked there, and not here",
            hint=f"Type there: condor-mini token revoke --force {token}",
        )
    return token, file


def _installed_token(node: Node) -> tuple[str, str]:
    for claims, file in installed_on(node):
        limits = authorizations_of(claims)
        if limits and "READ" not in limits:
            return str(claims.get("jti")), file
    raise NotFound(
        f"{node.name} has no token of its own",
        hint=""
        if node.joined_to
        else f"See which tokens there are: condor-mini token list -n {node.pool}",
    )


def _look(target: Target) -> str:
    """Return the id of the node's token."""
    return own_token(target)[0]


def _revoke(target: Target, token: str) -> None:
    Members(target.pool.existing_nodes).revoke([token])


def _expire(target: Target, _: str) -> None:
    manager = manager_of(target.pool)
    node_tokens.give(manager, [target.node], Deadline(TOKENS_TIMEOUT_S), lifetime_s=EXPIRED_AFTER_S)
    # A token is good through the second in which it expires.
    time.sleep(EXPIRED_AFTER_S + 1)
    run(manager, f"{REQUEST_SCRIPTS}/restart-collector")


def give(pool: PoolNodes, nodes: list[Node]) -> None:
    """Give nodes, and the users of access points among them, new tokens."""
    deadline = Deadline(TOKENS_TIMEOUT_S)
    node_tokens.give_with_users(manager_of(pool), nodes, deadline)


def _give_one(pool: PoolNodes, node: Node, _: str) -> None:
    give(pool, [node])


def _look_for_key(target: Target) -> str:
    """Return the nodes of other hosts that have joined, which get no token by the heal."""
    node = target.node
    if node.joined_to:
        raise UsageError(
            f"the key is with the central manager at {node.joined_to}, which is on another host",
            hint="Type there: condor-mini fault lose-key master",
        )
    if not node.role.acts_as(Role.CENTRAL_MANAGER) or node.is_personal:
        raise UsageError(
            f"{node.name} has no key that other nodes' tokens are signed with",
            hint=f"Strike the central manager: condor-mini fault lose-key -n {node.pool} master",
        )
    return " ".join(joined_names(target.pool.reached_nodes))


def _lose_key(target: Target, _: str) -> None:
    run(target.node, f"{REQUEST_SCRIPTS}/rotate-key")


def _give_all(pool: PoolNodes, _: Node, joined: str) -> None:
    manager = manager_of(pool)
    give(pool, [node for node in pool.reached_nodes if node.name != manager.name])
    warn_of(joined.split(), pool.name)


ACTIONS = {
    "revoke-token": Action(look=_look, strike=_revoke, undo=_give_one),
    "expire-token": Action(look=_look, strike=_expire, undo=_give_one),
    "lose-key": Action(look=_look_for_key, strike=_lose_key, undo=_give_all),
}
