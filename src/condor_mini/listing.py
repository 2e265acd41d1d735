"""What there is of ours at an engine: pools, and the personal pools of ``condor-mini run``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from condor_mini.engine import ContainerState
from condor_mini.nodes import LABEL, ORDER, SPEC, Role
from condor_mini.parallel import each
from condor_mini.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence
    from datetime import datetime

    from condor_mini.engine import ContainerInfo, Engine, VolumeInfo

PERSONAL = "mini"
"""The role of a personal pool's one container."""
_POOLS = {f"{LABEL}.kind": "pool"}


class ListedState(StrEnum):
    """How much of a pool runs."""

    RUNNING = "running"
    """Every node."""
    PARTLY = "partly"
    """Some nodes."""
    STOPPED = "stopped"
    """No node."""
    INCOMPLETE = "incomplete"
    """There is no central manager, and not all that one could be made anew from.

    Or it was removed alone, and ``start`` makes it anew.
    """
    KEPT = "kept"
    """No node has a container; ``start`` makes all anew from their state, which is there."""


@dataclass(frozen=True, kw_only=True)
class ListedPool:
    """A pool in the list."""

    name: str
    kind: str
    """``pool``, or ``personal`` for one of ``condor-mini run``."""
    series: str
    """HTCondor's; empty where no container says it."""
    nodes: Mapping[str, int]
    """How many there are of each role; where there is no container at all, how many had state."""
    running: int
    """How many of them run."""
    state: ListedState
    started_at: datetime | None
    """When the first of those that run was started; None where none runs."""
    directory: str | None
    """A personal pool's state directory on the host."""

    def to_json(self) -> dict[str, Any]:
        """For programs: docs/json.md."""
        return {
            "name": self.name,
            "kind": self.kind,
            "series": self.series,
            "state": str(self.state),
            "nodes": dict(self.nodes),
            "running": self.running,
            "started_at": rfc3339(self.started_at) if self.started_at else None,
            "directory": self.directory,
        }


def listed_pools(engine: Engine) -> list[ListedPool]:
    """All of ours, by name: pools first, then personal pools."""
    containers: list[ContainerInfo] = []
    volumes: list[VolumeInfo] = []
    questions: Sequence[Callable[[], None]] = (
        lambda: containers.extend(engine.containers(_POOLS)),
        lambda: containers.extend(engine.containers({f"{LABEL}.role": PERSONAL})),
        lambda: volumes.extend(engine.volumes(_POOLS)),
    )
    each(lambda ask: ask(), questions)
    pools: dict[tuple[str, str], list[ContainerInfo]] = {}
    for info in containers:
        kind = "personal" if info.labels.get(f"{LABEL}.role") == PERSONAL else "pool"
        name = info.labels.get(f"{LABEL}.pool", info.name)
        pools.setdefault((kind, name), []).append(info)
    listed = [_listed(kind, name, infos) for (kind, name), infos in pools.items()]
    listed += _without_containers(engine, volumes, {name for kind, name in pools if kind == "pool"})
    return sorted(listed, key=lambda pool: (pool.kind != "pool", pool.name))


def _without_containers(
    engine: Engine, volumes: Iterable[VolumeInfo], others: Container[str]
) -> list[ListedPool]:
    """The pools of which nothing is left but volumes; ``others`` are those that have containers."""
    recorded: dict[str, set[tuple[str, str]]] = {}
    for volume in volumes:
        if (name := volume.labels[f"{LABEL}.pool"]) not in others:
            nodes = recorded.setdefault(name, set())
            if role := volume.labels.get(f"{LABEL}.role"):
                nodes.add((role, volume.labels[f"{LABEL}.number"]))
    if not recorded:
        return []
    # What such a pool was made from is on its network alone.
    remakable = {
        network.labels[f"{LABEL}.pool"]
        for network in engine.networks(_POOLS)
        if SPEC in network.labels
    }
    found = []
    for name, nodes in recorded.items():
        counts = Counter(role for role, _ in nodes)
        is_kept = name in remakable and counts[Role.CENTRAL_MANAGER] > 0
        found.append(
            ListedPool(
                name=name,
                kind="pool",
                series="",
                nodes={str(role): counts[role] for role in ORDER},
                running=0,
                state=ListedState.KEPT if is_kept else ListedState.INCOMPLETE,
                started_at=None,
                directory=None,
            )
        )
    return found


def _listed(kind: str, name: str, infos: Sequence[ContainerInfo]) -> ListedPool:
    counts = Counter(info.labels.get(f"{LABEL}.role", "") for info in infos)
    running = [info for info in infos if info.state is ContainerState.RUNNING]
    started = [info.started_at for info in running if info.started_at]
    if kind == "pool" and not counts[Role.CENTRAL_MANAGER]:
        state = ListedState.INCOMPLETE
    elif len(running) == len(infos):
        state = ListedState.RUNNING
    else:
        state = ListedState.PARTLY if running else ListedState.STOPPED
    roles = [str(role) for role in ORDER] if kind == "pool" else [PERSONAL]
    return ListedPool(
        name=name,
        kind=kind,
        series=infos[0].labels.get(f"{LABEL}.series", ""),
        nodes={role: counts[role] for role in roles},
        running=len(running),
        state=state,
        started_at=min(started, default=None),
        directory=infos[0].labels.get(f"{LABEL}.state"),
    )
