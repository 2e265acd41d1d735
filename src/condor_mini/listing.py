"""What there is of ours at an engine: pools, and the personal pools of ``condor-mini run``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from condor_mini.engine import ContainerState
from condor_mini.nodes import LABEL, ORDER, Role
from condor_mini.parallel import each
from condor_mini.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from condor_mini.engine import ContainerInfo, Engine

PERSONAL = "mini"
"""The role of a personal pool's one container."""


class ListedState(StrEnum):
    """How much of a pool runs."""

    RUNNING = "running"
    """Every node."""
    PARTLY = "partly"
    """Some nodes."""
    STOPPED = "stopped"
    """No node."""
    INCOMPLETE = "incomplete"
    """There is no central manager: its creation or its deletion did not come to its end."""


@dataclass(frozen=True, kw_only=True)
class ListedPool:
    """A pool in the list."""

    name: str
    kind: str
    """``pool``, or ``personal`` for one of ``condor-mini run``."""
    series: str
    nodes: Mapping[str, int]
    """How many there are of each role."""
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
    questions = ({f"{LABEL}.kind": "pool"}, {f"{LABEL}.role": PERSONAL})
    pools: dict[tuple[str, str], list[ContainerInfo]] = {}
    for infos in each(engine.containers, questions):
        for info in infos:
            kind = "personal" if info.labels.get(f"{LABEL}.role") == PERSONAL else "pool"
            name = info.labels.get(f"{LABEL}.pool", info.name)
            pools.setdefault((kind, name), []).append(info)
    order = sorted(pools, key=lambda key: (key[0] != "pool", key[1]))
    return [_listed(kind, name, pools[kind, name]) for kind, name in order]


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
