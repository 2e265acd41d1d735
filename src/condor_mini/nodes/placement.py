"""Nodes and the hosts that they are on: each host's nodes are adapted to the engine there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.engine.several import engine_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from condor_mini.engine import Engine
    from condor_mini.nodes.planned_node import PlannedNode


def by_host(
    engine: Engine, nodes: Sequence[PlannedNode]
) -> Iterator[tuple[str, Engine, list[PlannedNode]]]:
    """Yield each host that some of the nodes are on, the engine there, and those nodes."""
    for host in dict.fromkeys(node.host for node in nodes):
        yield host, engine_at(engine, host), [node for node in nodes if node.host == host]


def changed_by_host(
    engine: Engine,
    nodes: Sequence[PlannedNode],
    change: Callable[[Engine, list[PlannedNode]], Sequence[PlannedNode]],
) -> list[PlannedNode]:
    """Return the nodes in the same order, those of each host changed together.

    Args:
        engine: Engine that the pool is on.
        nodes: Nodes of one pool.
        change: Gets the engine of a host and the nodes there; returns these nodes, changed.
    """
    changed = {
        node.name: node for _, there, some in by_host(engine, nodes) for node in change(there, some)
    }
    return [changed[node.name] for node in nodes]
