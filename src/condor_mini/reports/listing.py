"""The pools of an engine, and the personal pools of ``condor-mini run``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from condor_mini.base.parallel import each
from condor_mini.base.times import rfc3339
from condor_mini.engine import ContainerState
from condor_mini.engine.several import lenient, unreached
from condor_mini.nodes.holdings import Holdings, ask_at_once
from condor_mini.nodes.node import CREATED_ROLES, SPEC, Role
from condor_mini.nodes.pool_hosts import is_record, with_recorded_hosts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from condor_mini.engine import ContainerInfo, Engine
    from condor_mini.nodes.holdings import LabelProblem
    from condor_mini.nodes.node import Identity, Node


class ListedState(StrEnum):
    """State of a pool in the list: how much of it exists and runs."""

    RUNNING = "running"
    """Every node runs."""
    PARTLY = "partly"
    """Some nodes run."""
    STOPPED = "stopped"
    """No node runs."""
    INCOMPLETE = "incomplete"
    """The central manager has no container.

    Either the central manager alone was removed, and ``start`` creates it again, or what is left
    is not enough to create it again.
    """
    PART = "part"
    """Nodes of a pool whose central manager is on another host: its pool file names this one."""
    KEPT = "kept"
    """No node has a container. The nodes' state exists, and ``start`` creates them from it."""


@dataclass(frozen=True, kw_only=True)
class ListedPool:
    """A pool in the list."""

    name: str
    kind: str
    """``pool``, or ``personal`` for a pool of ``condor-mini run``."""
    series: str
    """Series of HTCondor; empty if no container says it."""
    nodes: Mapping[str, int]
    """Number of nodes by role, those without a container included."""
    running: int
    """Number of nodes that run."""
    state: ListedState
    started_at: datetime | None
    """When the first of the running nodes was started; None if no node runs."""
    directory: str | None
    """State directory on the host of a personal pool; None for other pools."""
    joins: str | None = None
    """Address of the central manager on another host that the nodes report to; else None."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that docs/reference/json.md describes."""
        return {
            "name": self.name,
            "kind": self.kind,
            "series": self.series,
            "state": str(self.state),
            "nodes": dict(self.nodes),
            "running": self.running,
            "started_at": rfc3339(self.started_at) if self.started_at else None,
            "directory": self.directory,
            "joins": self.joins,
        }


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The pools of an engine, and the problems with their labels."""

    pools: Sequence[ListedPool]
    problems: Sequence[LabelProblem]
    """What is wrong with the labels of objects that belong to a pool, or claim to."""


def listing(engine: Engine) -> Listing:
    """Return the pools, then the personal pools, each sorted by name, and the label problems."""
    held = Holdings(engine)
    ask_at_once(lambda: held.nodes, lambda: held.volumes, lambda: held.networks)
    several = {network.name for network in held.networks if is_record(network)}
    containers: dict[str, list[Node]] = {}
    for node in held.nodes:
        if node.pool not in several:
            containers.setdefault(node.pool, []).append(node)
    pools = [
        _personal(nodes[0])
        if nodes[0].is_personal
        else _pool(name, nodes, [lost for lost in held.lost_nodes() if lost.pool == name])
        for name, nodes in containers.items()
    ]
    pools += each(lambda name: _of_several_hosts(engine, name), sorted(several))
    pools += [
        _without_containers(name, held)
        for name in _left_without_containers(held) - containers.keys() - several
    ]
    return Listing(
        pools=sorted(pools, key=lambda pool: (pool.directory is not None, pool.name)),
        problems=held.problems,
    )


def _of_several_hosts(engine: Engine, name: str) -> ListedPool:
    """Return the entry of a pool on several hosts, with what is on those that are reached."""
    everywhere = lenient(with_recorded_hosts(engine, name))
    held = Holdings(everywhere, name)
    if not held.nodes:
        return _without_containers(name, held)
    pool = _pool(name, held.nodes, held.lost_nodes())
    whole = pool.state is not ListedState.RUNNING or not unreached(everywhere)
    return pool if whole else replace(pool, state=ListedState.PARTLY)


def _pool(name: str, nodes: Sequence[Node], lost: Sequence[Identity]) -> ListedPool:
    """Return the entry of a pool that has containers, and perhaps nodes that have none."""
    infos = [node.info for node in nodes]
    has_manager = any(node.role is Role.CENTRAL_MANAGER or node.joined_to for node in nodes)
    counts = Counter(node.role for node in (*(node.identity for node in nodes), *lost))
    headless = ListedState.PART if all(node.host for node in nodes) else ListedState.INCOMPLETE
    return ListedPool(
        name=name,
        kind="pool",
        series=nodes[0].series,
        nodes={str(role): counts[role] for role in CREATED_ROLES},
        running=len(_running(infos)),
        state=_state(infos, len(lost)) if has_manager else headless,
        started_at=_started_at(infos),
        directory=None,
        joins=nodes[0].joined_to or None,
    )


def _left_without_containers(held: Holdings) -> set[str]:
    """Return the names of the pools that have volumes or a network."""
    return {volume.pool for volume in held.volumes} | {network.name for network in held.networks}


def _without_containers(name: str, held: Holdings) -> ListedPool:
    """Return the entry of a pool of which only volumes or a network are left."""
    nodes = {volume.node for volume in held.volumes if volume.pool == name and volume.node}
    counts = Counter(node.role for node in nodes)
    # Without containers, the spec is in a label of the network alone.
    has_spec = any(SPEC in network.labels for network in held.networks if network.name == name)
    # Without the central manager's state, an access point's queue cannot be used again.
    is_kept = has_spec and (counts[Role.CENTRAL_MANAGER] > 0 or not counts[Role.ACCESS_POINT])
    return ListedPool(
        name=name,
        kind="pool",
        series="",
        nodes={str(role): counts[role] for role in CREATED_ROLES},
        running=0,
        state=ListedState.KEPT if is_kept else ListedState.INCOMPLETE,
        started_at=None,
        directory=None,
    )


def _personal(node: Node) -> ListedPool:
    return ListedPool(
        name=node.pool,
        kind="personal",
        series=node.series,
        nodes={str(node.role): 1},
        running=len(_running([node.info])),
        state=_state([node.info]),
        started_at=_started_at([node.info]),
        directory=node.state_directory,
    )


def _running(infos: Sequence[ContainerInfo]) -> list[ContainerInfo]:
    return [info for info in infos if info.state is ContainerState.RUNNING]


def _started_at(infos: Sequence[ContainerInfo]) -> datetime | None:
    started = [info.started_at for info in _running(infos) if info.started_at]
    return min(started, default=None)


def _state(infos: Sequence[ContainerInfo], lost: int = 0) -> ListedState:
    running = len(_running(infos))
    if running == len(infos) + lost:
        return ListedState.RUNNING
    return ListedState.PARTLY if running else ListedState.STOPPED
