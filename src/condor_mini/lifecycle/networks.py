"""The networks of a pool on hosts other than the first, whose network is the claim to the name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.engine.several import engine_at
from condor_mini.lifecycle.volumes import MAKING_LABEL
from condor_mini.nodes.node import pool_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from condor_mini.engine import Engine
    from condor_mini.nodes.planned_node import PlannedNode


def create_elsewhere(
    engine: Engine, hosts: Iterable[str], pool: str, labels: Mapping[str, str]
) -> None:
    """Create the network of a new pool on each of these hosts.

    Raises:
        AlreadyInUse: A host has a network of that name.
        EngineCapabilityError: A host has the same engine as another one.
    """
    for host in hosts:
        there = engine_at(engine, host)
        # Nothing that Docker says of itself tells: machines that were cloned have the same ID.
        if there.networks({MAKING_LABEL: labels[MAKING_LABEL]}):
            raise EngineCapabilityError(
                f"the host {host} has the same engine as the pool, or as another host of it",
                hint="Leave this `host` out of the pool file, or give both groups the same one.",
            )
        there.create_network(pool, labels=labels)


def create_missing(engine: Engine, nodes: Sequence[PlannedNode]) -> None:
    """Create the networks that nodes of a pool on other hosts lack.

    The process that created the pool may have been killed before it created them.
    """
    for host in dict.fromkeys(node.host for node in nodes if node.host):
        pool, there = nodes[0].pool, engine_at(engine, host)
        if not any(network.name == pool for network in there.networks(pool_labels(pool))):
            there.create_network(pool, labels=pool_labels(pool))
