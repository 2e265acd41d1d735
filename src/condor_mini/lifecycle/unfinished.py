"""What a process that was killed has left of a pool unfinished: nodes to create, or to start.

``startup.start_all`` keeps an order that this module relies on: the central manager's container is
the first to exist, and all containers exist before a node other than the central manager starts.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from condor_mini.base.errors import NotFound, PoolNotReady
from condor_mini.base.waiting import wait_until
from condor_mini.lifecycle.volumes import MAKING_LABEL
from condor_mini.nodes.holdings import Holdings
from condor_mini.nodes.node import CREATED_ROLES, ORDER, Role
from condor_mini.nodes.plan import planned_nodes
from condor_mini.nodes.record import recorded_nodes

if TYPE_CHECKING:
    from condor_mini.engine import Engine
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import PoolSpec

QUIET_S = 3.0
"""If nothing has changed for so many seconds, nobody is at work on an unfinished pool any more.

Somebody who is at work all the same does no harm and takes none: ``startup.start_all`` uses the
containers that it finds.
"""
LOOK_S = 0.2


def unfinished_nodes(engine: Engine, pool: str, spec: PoolSpec) -> list[PlannedNode]:
    """Return the nodes of a pool that have no container, or one that was never started.

    A node belongs to the pool if volumes keep its state. Where the creation of the pool was cut
    off, or a whole role is missing, so do the nodes of the spec.

    Args:
        engine: Engine that the pool is on.
        pool: Name of the pool.
        spec: Spec that the pool was created from.
    """
    held = Holdings(engine, pool)
    recorded = [volume.node for volume in held.volumes if volume.node]
    nodes = recorded_nodes(spec, [*recorded, *(node.identity for node in held.nodes)])
    roles = {node.role for node in nodes}
    is_new = _is_new(held)
    found = {node.name for node in nodes}
    nodes += [
        node
        for node in planned_nodes(spec)
        if node.name not in found and (is_new or node.role not in roles)
    ]
    begun = {node.name for node in held.nodes if not _is_unstarted(node)}
    unfinished = [node for node in nodes if node.name not in begun]
    return sorted(unfinished, key=lambda node: (ORDER.index(node.role), node.number))


def await_others(engine: Engine, pool: str, *, timeout_s: float) -> None:
    """Wait while another process is creating nodes of the pool, until it is done or was killed.

    Args:
        engine: Engine that the pool is on.
        pool: Name of the pool.
        timeout_s: Give up after so many seconds.

    Raises:
        NotFound: The other process failed and removed the pool.
        PoolNotReady: The other process did not finish in time.
    """
    seen: object = None
    changed = time.monotonic()

    def at_work() -> str | None:
        nonlocal seen, changed
        held = Holdings(engine, pool)
        if not (held.nodes or held.volumes or held.networks):
            raise NotFound(
                f"the pool {pool} was removed while it was being made",
                hint=f"Try again: condor-mini create -n {pool}",
            )
        reason = _unfinished(held)
        now = {(node.info.id, node.info.state) for node in held.nodes}, len(held.volumes)
        if now != seen:
            seen, changed = now, time.monotonic()
        return reason if time.monotonic() - changed < QUIET_S else None

    wait_until(at_work, timeout_s=timeout_s, interval_s=LOOK_S, error=PoolNotReady)


def _unfinished(held: Holdings) -> str | None:
    """Return what another process may be about to do; None if the pool is whole."""
    if new := [node.name for node in held.nodes if _is_unstarted(node)]:
        return f"these nodes were never started: {', '.join(new)}"
    if any(node.joined_to for node in held.nodes):
        return None
    roles = {node.role for node in held.nodes}
    roles |= {volume.node.role for volume in held.volumes if volume.node}
    missing = [role.words for role in CREATED_ROLES if role not in roles]
    return f"nodes of these roles do not exist yet: {', '.join(missing)}" if missing else None


def _is_new(held: Holdings) -> bool:
    """Return whether the pool's creation was cut off before all its containers existed.

    Then some were never started, no node but the central manager ever was, and all are of that
    creation, as the network is.
    """
    makings = {network.labels.get(MAKING_LABEL) for network in held.networks}
    others = [node for node in held.nodes if node.role is not Role.CENTRAL_MANAGER]
    of_creation = all(node.info.labels.get(MAKING_LABEL) in makings for node in held.nodes)
    return bool(others) and of_creation and all(_is_unstarted(node) for node in others)


def _is_unstarted(node: Node) -> bool:
    return node.info.started_at is None
