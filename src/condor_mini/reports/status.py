"""What a pool is doing: its nodes, daemons, slots and jobs, and whether it can be used.

It is one question to the engine and one to the collector, so it is fast, and as fresh as the
daemons' last updates.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from condor_mini.base.times import rfc3339
from condor_mini.engine import ContainerState
from condor_mini.nodes.holdings import Holdings, absent, slots_by_group, spec_form
from condor_mini.nodes.node import Malformed, Role
from condor_mini.reports.collector import address_of, ask, heard_at, owners_of, version_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from condor_mini.nodes.holdings import LabelProblem
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes
    from condor_mini.reports.collector import Ad, Owned

STARTING = timedelta(seconds=60)
"""For so long after its start a node that lacks something is starting; later it is broken."""
CLOCK_SKEW = timedelta(seconds=5)
"""By so much the engine's clock and the collector's may differ."""
MOST_REASONS = 10

_DAEMONS = {
    "Collector": "collector",
    "Negotiator": "negotiator",
    "Scheduler": "schedd",
    "StartD": "startd",
    "DaemonMaster": "master",
}
"""By the type of its ad."""
_WANTED = {
    Role.CENTRAL_MANAGER: ("collector", "negotiator"),
    Role.ACCESS_POINT: ("schedd",),
    Role.EXECUTION_POINT: ("startd",),
}


class Verdict(StrEnum):
    """Whether the pool can be used."""

    USABLE = "usable"
    """Every node runs, every daemon's ad and every slot is at the collector."""
    STARTING = "starting"
    """Something is not there yet, and may still come."""
    STOPPED = "stopped"
    """No node runs."""
    BROKEN = "broken"
    """Something is missing, and will not come by itself."""


@dataclass(frozen=True, kw_only=True)
class NodeStatus:
    """A node."""

    name: str
    role: str
    """``master``, ``submit`` or ``execute``, as the images are called."""
    group: str
    state: str
    exit_code: int | None
    health: str | None
    address: str | None
    ports: Mapping[int, str]
    """Where a published port is reached, by its number in the node."""
    started_at: datetime | None
    series: str
    image: str
    version: str | None
    """HTCondor's version, as its daemons say; None while they say nothing."""


@dataclass(frozen=True, kw_only=True)
class DaemonStatus:
    """A daemon, of its ad at the collector."""

    node: str
    type: str
    name: str
    version: str | None
    address: str | None
    heard_at: datetime | None
    """When the collector last heard of it."""
    alive: bool
    """Whether it was heard of since its node was started, and the node runs."""


@dataclass(frozen=True, kw_only=True)
class SlotStatus:
    """The slots: those that are configured, and what jobs have cut out of them."""

    expected: int
    """How many the nodes have that run."""
    configured: int = 0
    """How many of these are at the collector."""
    dynamic: int = 0
    """How many have been cut out of partitionable ones, for jobs."""
    by_state: Mapping[str, int] = field(default_factory=dict)
    """How many of both are ``Claimed/Busy``, ``Unclaimed/Idle`` and so on."""


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """The jobs of one access point."""

    access_point: str
    idle: int
    running: int
    held: int
    removed: int
    completed: int
    """Since its schedd was started; they are not in the queue any more."""


@dataclass(frozen=True, kw_only=True)
class PoolStatus:
    """All that there is to say of a pool in one look."""

    name: str
    verdict: Verdict
    reasons: tuple[str, ...]
    """Why it is not usable; empty when it is."""
    series: str
    versions: tuple[str, ...]
    """HTCondor's, of all daemons; one unless nodes differ."""
    nodes: tuple[NodeStatus, ...]
    daemons: tuple[DaemonStatus, ...]
    slots: SlotStatus
    jobs: tuple[JobStatus, ...]
    problems: tuple[LabelProblem, ...] = ()
    """What is wrong with the labels of containers that are of the pool, or say that they are."""

    def to_json(self) -> dict[str, Any]:
        """For programs: docs/reference/json.md."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def status(pool: PoolNodes) -> PoolStatus:
    """Look at a pool, whatever state it is in.

    Raises:
        NotFound: There is no such pool.
    """
    held = Holdings(pool.engine, pool.name)
    if not held.nodes:
        raise absent(pool.engine, pool.name)
    return replace(status_of(pool.name, held.nodes), problems=tuple(held.problems))


def status_of(name: str, nodes: Sequence[Node], *, now: datetime | None = None) -> PoolStatus:
    """The same for nodes that are known already: those of one pool, at least one."""
    ads, silence = ask(nodes)
    owned = owners_of(nodes, ads)
    daemons = _daemons(nodes, owned)
    verdict, reasons = _verdict(nodes, daemons, _slots_by_node(owned), silence, now)
    versions = {daemon.version for daemon in daemons if daemon.version}
    return PoolStatus(
        name=name,
        verdict=verdict,
        reasons=tuple(reasons),
        series=nodes[0].series,
        versions=tuple(sorted(versions)),
        nodes=tuple(_node(node, daemons) for node in nodes),
        daemons=tuple(daemons),
        slots=_slots(nodes, ads),
        jobs=tuple(_jobs(owned)),
    )


def expected_slots(nodes: Sequence[Node]) -> dict[str, int]:
    """How many slots each execution point has when no job runs, by its name."""
    groups: dict[str, int] = {}
    for node in nodes:
        if node.role is Role.CENTRAL_MANAGER:
            with suppress(Malformed):  # which is a problem that `status` reports
                # Not by PoolSpec: to import it takes longer than all the rest of this.
                groups = slots_by_group(spec_form(node.info.labels, node.pool))
    return {
        node.name: groups.get(node.group, 1)
        for node in nodes
        if node.role is Role.EXECUTION_POINT and node.is_running
    }


def _daemons(nodes: Sequence[Node], owned: Sequence[Owned]) -> list[DaemonStatus]:
    # HTCondor 23 has no ads of startds, only of slots: its first slot stands for it.
    with_startd = {node.name for ad, node in owned if node and ad.get("MyType") == "StartD"}
    daemons = []
    for ad, node in owned:
        kind = _DAEMONS.get(str(ad.get("MyType")))
        if node and ad.get("MyType") == "Machine" and node.name not in with_startd:
            kind = "startd"
            with_startd.add(node.name)
        if kind is None:
            continue
        name = ad.get("Name", "")
        daemons.append(
            DaemonStatus(
                node=node.name if node else "",
                type=kind,
                name=name.rpartition("@")[2] if kind == "startd" else name,
                version=version_of(ad),
                address=address_of(ad),
                heard_at=(heard := heard_at(ad)),
                alive=_is_alive(node, heard),
            )
        )
    order = {node.name: position for position, node in enumerate(nodes)}
    return sorted(daemons, key=lambda daemon: (order.get(daemon.node, len(order)), daemon.type))


def _is_alive(node: Node | None, heard: datetime | None) -> bool:
    if node is None or not node.is_running or heard is None:
        return False
    started = node.info.started_at
    return started is None or heard >= started - CLOCK_SKEW


def _node(node: Node, daemons: Sequence[DaemonStatus]) -> NodeStatus:
    info = node.info
    versions = [daemon.version for daemon in daemons if daemon.node == node.name and daemon.alive]
    return NodeStatus(
        name=node.name,
        role=str(node.role),
        group=node.group,
        state=str(info.state),
        exit_code=info.exit_code,
        health=info.health if node.is_running else None,
        address=node.address,
        ports=dict(info.ports),
        started_at=info.started_at,
        series=node.series,
        image=info.image,
        version=versions[0] if versions else None,
    )


def _slots_by_node(owned: Sequence[Owned]) -> Counter[str]:
    """How many configured slots of each running node are at the collector."""
    found: Counter[str] = Counter()
    for ad, node in owned:
        is_configured = ad.get("MyType") == "Machine" and ad.get("SlotType") != "Dynamic"
        if is_configured and node and _is_alive(node, heard_at(ad)):
            found[node.name] += 1
    return found


def _slots(nodes: Sequence[Node], ads: Sequence[Ad]) -> SlotStatus:
    slots = [ad for ad in ads if ad.get("MyType") == "Machine"]
    states = Counter(f"{ad.get('State')}/{ad.get('Activity')}" for ad in slots)
    dynamic = sum(ad.get("SlotType") == "Dynamic" for ad in slots)
    return SlotStatus(
        expected=sum(expected_slots(nodes).values()),
        configured=len(slots) - dynamic,
        dynamic=dynamic,
        by_state=dict(sorted(states.items())),
    )


def _jobs(owned: Sequence[Owned]) -> list[JobStatus]:
    rows = []
    for ad, node in owned:
        if ad.get("MyType") != "Scheduler":
            continue
        rows.append(
            JobStatus(
                access_point=node.name if node else str(ad.get("Name")),
                idle=ad.get("TotalIdleJobs", 0)
                + ad.get("TotalLocalJobsIdle", 0)
                + ad.get("TotalSchedulerJobsIdle", 0),
                running=ad.get("TotalRunningJobs", 0)
                + ad.get("TotalLocalJobsRunning", 0)
                + ad.get("TotalSchedulerJobsRunning", 0),
                held=ad.get("TotalHeldJobs", 0),
                removed=ad.get("TotalRemovedJobs", 0),
                completed=ad.get("JobsCompleted", 0),
            )
        )
    return sorted(rows, key=lambda row: row.access_point)


def _verdict(
    nodes: Sequence[Node],
    daemons: Sequence[DaemonStatus],
    slots: Mapping[str, int],
    silence: str,
    now: datetime | None,
) -> tuple[Verdict, list[str]]:
    managers = [node for node in nodes if node.role is Role.CENTRAL_MANAGER]
    if not managers:
        return Verdict.BROKEN, ["there is no central manager: the pool is incomplete"]
    if not any(node.is_running for node in nodes):
        return Verdict.STOPPED, [_why_down(node) for node in nodes][:MOST_REASONS]
    broken = [_why_down(node) for node in nodes if not node.is_running]
    missing: list[tuple[Node, str]] = []
    if silence:
        missing.append((managers[0], silence))
    elif managers[0].is_running:
        missing = _missing(nodes, daemons, slots)
    lately = (now or datetime.now(UTC)) - STARTING
    for node, what in missing:
        if node.info.started_at is None or node.info.started_at < lately:
            broken.append(what)
    reasons = (broken or [what for _, what in missing])[:MOST_REASONS]
    if broken:
        return Verdict.BROKEN, reasons
    return (Verdict.STARTING, reasons) if missing else (Verdict.USABLE, [])


def _missing(
    nodes: Sequence[Node], daemons: Sequence[DaemonStatus], slots: Mapping[str, int]
) -> list[tuple[Node, str]]:
    """What the running nodes lack at a collector that answers."""
    alive = {(daemon.node, daemon.type) for daemon in daemons if daemon.alive}
    expected = expected_slots(nodes)
    missing = []
    for node in nodes:
        if not node.is_running:
            continue
        absent = [kind for kind in _WANTED[node.role] if (node.name, kind) not in alive]
        missing += [(node, f"no {kind} of {node.name} is at the collector") for kind in absent]
        lacking = expected.get(node.name, 0) - slots.get(node.name, 0)
        if lacking > 0 and not absent:
            missing.append((node, f"{lacking} slots of {node.name} are not at the collector"))
        if node.info.health == "unhealthy" and not absent:
            missing.append((node, f"{node.name} is unhealthy"))
    return missing


def _why_down(node: Node) -> str:
    info = node.info
    match info.state:
        case ContainerState.CREATED:
            return f"{node.name} was never started"
        case ContainerState.EXITED:
            return f"{node.name} has ended with {info.exit_code}"
        case _:
            return f"{node.name} is paused, restarting or being removed"


def _plain(value: Any) -> Any:  # noqa: ANN401 (whatever JSON can say)
    match value:
        case datetime():
            return rfc3339(value)
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value
