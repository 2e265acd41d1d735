"""Nodes that have joined from another host: who they are, and where they are struck.

The engine of a host has only the nodes of that host. The first host knows the others by their ads.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from condor_mini.base.errors import NotFound
from condor_mini.nodes.node import CREATED_ROLES
from condor_mini.reports.status import status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes
    from condor_mini.reports.status import JoinedStatus

_NAME = re.compile(rf"(?P<pool>.+)-(?P<own>({'|'.join(CREATED_ROLES)})-\d+)")
"""How ``join`` calls nodes; the first part is what they are called together on their host."""


def joined_nodes(pool: PoolNodes) -> Sequence[JoinedStatus]:
    """Return the nodes of other hosts that have ads at the central manager here."""
    return status(pool).joined


def node_here(pool: PoolNodes, name: str | None, command: Callable[[str], str]) -> Node:
    """Return a node of this host; see ``PoolNodes.node``.

    Args:
        pool: The pool.
        name: Name of the node. None for the first access point.
        command: Returns what to type on another host for a node there, given what names it.

    Raises:
        NotFound: There is no such node here. If it is on another host, that says where to type
            what.
    """
    try:
        return pool.node(name)
    except NotFound as error:
        nodes = pool.reached_nodes
        if nodes and nodes[0].joined_to:
            raise NotFound(
                error.message,
                hint=f"These nodes have joined the pool at {nodes[0].joined_to}. Type there what "
                "is to strike its other nodes, or the jobs of its access points",
            ) from None
        if nodes and nodes[0].exposed_at and name:
            for other in joined_nodes(pool):
                if other.name == name:
                    raise _elsewhere(other, command) from None
        raise


def typed_there(node: str, command: Callable[[str], str]) -> str | None:
    """Return what to type on the host of a node that has joined; None if its name is not ours."""
    found = _NAME.fullmatch(node)
    return command(f"-n {found['pool']} {found['own']}") if found else None


def _elsewhere(node: JoinedStatus, command: Callable[[str], str]) -> NotFound:
    typed = typed_there(node.name, command)
    return NotFound(
        f"{node.name} has joined from the host {node.host}, and can be struck only there",
        hint=f"Type on {node.host}: {typed}" if typed else "",
    )
