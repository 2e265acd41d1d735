"""Removing a pool, or what its nodes have left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, PoolNotReady
from condor_mini.base.waiting import wait_until
from condor_mini.engine import ImageBuilder
from condor_mini.nodes.holdings import Holdings
from condor_mini.nodes.node import pool_labels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from condor_mini.engine import Engine, NetworkInfo
    from condor_mini.nodes.node import Node

GONE_TIMEOUT_S = 30.0


def remove(engine: Engine, pool: str) -> bool:
    """Remove all of a pool; return whether there was anything. What only claims to be of it stays.

    The network goes last: as long as it is there, the pool's name is taken, and no new pool of
    that name can lose what it has made.
    """
    held = Holdings(engine, pool)
    containers, networks = held.containers, held.networks
    ids = {info.id for info in containers}
    engine.remove(*ids)

    def there() -> str | None:
        left = [info.name for info in engine.containers(pool_labels(pool)) if info.id in ids]
        return f"{', '.join(left)} is still being removed" if left else None

    if containers:  # somebody else may be at it: the engine then returns at once
        wait_until(there, timeout_s=GONE_TIMEOUT_S, error=PoolNotReady)
    # Only now: those of the containers' own have gone with them.
    volumes = held.volumes
    engine.remove_volume(*(volume.name for volume in volumes))
    for network in networks:
        _remove_network(engine, network)
    return bool(containers or networks or volumes)


def _remove_network(engine: Engine, network: NetworkInfo) -> None:
    try:
        engine.remove_network(network.id)
    except CommandFailed as failure:
        if failure.hint is None and isinstance(engine, ImageBuilder):
            failure.hint = (
                "A container that is none of the pool's may use it. See which: "
                f"{engine.name} network inspect {network.name}"
            )
        raise


def remove_state(engine: Engine, nodes: Iterable[Node]) -> None:
    """Remove the volumes that keep what these nodes, which are gone for good, have known."""
    gone = [node.identity for node in nodes]
    for pool in {identity.pool for identity in gone}:
        volumes = Holdings(engine, pool).volumes
        engine.remove_volume(*(volume.name for volume in volumes if volume.node in gone))
