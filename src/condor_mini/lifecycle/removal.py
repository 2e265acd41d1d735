"""Remove a pool, or what nodes that were removed have left: volumes, and ads at the collector."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, CondorMiniError, HostNotReached, PoolNotReady
from condor_mini.base.waiting import wait_until
from condor_mini.engine import ImageBuilder
from condor_mini.engine.several import lenient, unreached
from condor_mini.nodes.holdings import Holdings
from condor_mini.nodes.node import Role, pool_labels
from condor_mini.nodes.pool_hosts import delete_there, is_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from condor_mini.engine import Engine, NetworkInfo
    from condor_mini.nodes.holdings import PoolVolume
    from condor_mini.nodes.node import Node

GONE_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
"""How long a personal pool's daemons may take to end before it is removed, in seconds."""
_TABLES = (
    ("INVALIDATE_STARTD_ADS", "Machine"),
    ("INVALIDATE_STARTD_ADS", "StartD"),
    ("INVALIDATE_MASTER_ADS", "DaemonMaster"),
)


def remove(engine: Engine, pool: str, *, force: bool = False) -> bool:
    """Remove a whole pool, and return whether there was anything to remove.

    The state directory of a personal pool is kept: it is the user's. A container, network or volume
    that only claims to belong to the pool is not removed.

    Args:
        engine: Engine that the pool is on.
        pool: Name of the pool.
        force: If a host of the pool is not reached, also remove the record of the pool.

    Raises:
        HostNotReached: A host of the pool is not reached. All else is removed.
    """
    live = lenient(engine)
    failures = unreached(live)
    removed = _remove(live, pool, keep_record=bool(failures) and not force)
    if failures:
        raise _left_behind(pool, failures, force=force)
    return removed


def _left_behind(
    pool: str, failures: Mapping[str, HostNotReached], *, force: bool
) -> HostNotReached:
    """Return the error for hosts that are not reached, which says how to remove what they have."""
    reasons = "\n".join(failure.message for failure in failures.values())
    there = " ".join(delete_there(host, pool) for host in failures)
    if force:
        return HostNotReached(
            f"{reasons}\nAll else of the pool {pool} is deleted. What is there stays.",
            hint=f"Delete it when the host is back: {there}",
        )
    return HostNotReached(
        f"{reasons}\nAll else of the pool {pool} is deleted, but for its network, which records "
        "its hosts.",
        hint=f"When the host is back: condor-mini delete -n {pool}. "
        f"If it does not come back: condor-mini delete -n {pool} --force",
    )


def _remove(engine: Engine, pool: str, *, keep_record: bool) -> bool:
    """Remove all of a pool but the network on the first host, if that is to be kept.

    The networks are removed last. As long as that of the first host exists, the pool's name is
    taken, so nothing of a new pool of that name can be removed by mistake.
    """
    held = Holdings(engine, pool)
    containers, networks = held.containers, held.networks
    ids = {info.id for info in containers}
    # The daemons of a personal pool end first, so that the state that is kept is complete.
    kept = [node.info.id for node in held.nodes if node.is_personal and node.is_running]
    engine.stop(*kept, timeout_s=STOP_TIMEOUT_S)
    engine.remove(*ids)

    def remaining() -> str | None:
        left = [info.name for info in engine.containers(pool_labels(pool)) if info.id in ids]
        return f"still being removed: {', '.join(left)}" if left else None

    if containers:  # the engine returns at once if another process is removing them already
        wait_until(remaining, timeout_s=GONE_TIMEOUT_S, error=PoolNotReady)
    # Listed only now, because anonymous volumes were removed with their containers.
    # The central manager's come last: without them, no access point's queue can be used again.
    volumes = sorted(held.volumes, key=_is_managers)
    engine.remove_volume(*(volume.name for volume in volumes))
    for network in networks:
        if not (keep_record and is_record(network)):
            _remove_network(engine, network)
    return bool(containers or networks or volumes)


def _is_managers(volume: PoolVolume) -> bool:
    return volume.node is not None and volume.node.role is Role.CENTRAL_MANAGER


def _remove_network(engine: Engine, network: NetworkInfo) -> None:
    try:
        engine.remove_network(network.id)
    except CommandFailed as failure:
        if failure.hint is None and isinstance(engine, ImageBuilder):
            failure.hint = (
                "A container outside the pool may use it. List the containers that use it: "
                f"{engine.name} network inspect {network.name}"
            )
        raise


def remove_state(engine: Engine, nodes: Iterable[Node]) -> None:
    """Remove the volumes that keep the state of these nodes, which will not be started again."""
    gone = [node.identity for node in nodes]
    for pool in {identity.pool for identity in gone}:
        volumes = Holdings(engine, pool).volumes
        engine.remove_volume(*(volume.name for volume in volumes if volume.node in gone))


def forget_ads(manager: Node, names: Sequence[str]) -> None:
    """Invalidate all ads of execution points at the collector, so that no job is matched to them.

    A node that is stopped invalidates its own ads. A node that has only just started, or that was
    killed, does not. See condor_advertise(1); each command affects one table of the collector.

    Args:
        manager: Central manager to run the commands on.
        names: Names of the execution points.
    """
    ours = ", ".join(f'"{name}"' for name in names)
    for command, kind in _TABLES:
        query = f'MyType = "Query"\nTargetType = "{kind}"\n'
        requirements = f"Requirements = member(CondorMiniNode, {{{ours}}})\n"
        ad = query + requirements
        with suppress(CondorMiniError):
            manager.exec(["condor_advertise", command, "-"], user="root", stdin=ad)
