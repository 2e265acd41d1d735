"""The status of a pool: its nodes, daemons, slots and jobs, and whether it is usable.

It takes two queries to the engine and one to the collector. So it is fast, and as fresh as the
daemons' last updates.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.times import rfc3339
from condor_mini.engine import ContainerState
from condor_mini.engine.several import lenient, unreached
from condor_mini.nodes.holdings import Holdings, ask_at_once, slots_by_group, spec_form
from condor_mini.nodes.node import Malformed, Role
from condor_mini.reports.collector import (
    COLLECTOR_TIMEOUT_S,
    address_of,
    ask,
    asked_node,
    heard_at,
    owners_of,
    version_of,
)
from condor_mini.reports.token_requests import requests_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from condor_mini.engine import Engine
    from condor_mini.nodes.fault_records import FaultRecord
    from condor_mini.nodes.holdings import LabelProblem
    from condor_mini.nodes.node import Identity, Node
    from condor_mini.nodes.pool_nodes import PoolNodes
    from condor_mini.reports.collector import Ad, Owned
    from condor_mini.reports.token_requests import TokenRequest

STARTING = timedelta(seconds=60)
"""A node that lacks something is starting for so long after its start. Later it is broken."""
CLOCK_SKEW = timedelta(seconds=5)
"""The clocks of the engine and the collector may differ by so much."""
MOST_REASONS = 10
_IF_REFUSED = (
    ". If it refuses the nodes' tokens, each node asks for another one within two minutes: see who "
    "asks, and let them in, on the central manager's host with condor-mini approve"
)
"""What may have happened to nodes that have joined: a revoked token, another key."""

_DAEMONS = {
    "Collector": "collector",
    "Negotiator": "negotiator",
    "Scheduler": "schedd",
    "StartD": "startd",
    "DaemonMaster": "master",
}
"""Name of each daemon, by the type of its ad."""
_OF_STARTD = ("StartD", "Machine")
"""The types of the ads that a startd sends: its own, and those of its slots."""
_WANTED = {
    Role.CENTRAL_MANAGER: ("collector", "negotiator"),
    Role.ACCESS_POINT: ("schedd",),
    Role.EXECUTION_POINT: ("startd",),
    Role.PERSONAL_POOL: ("collector", "negotiator", "schedd", "startd"),
}


class Verdict(StrEnum):
    """Whether the pool is usable, and if not, why."""

    USABLE = "usable"
    """Every node runs, and every daemon's ad and every slot is at the collector."""
    STARTING = "starting"
    """Something is missing, but may still come."""
    STOPPED = "stopped"
    """No node runs."""
    BROKEN = "broken"
    """Something is missing, and will not come by itself."""


@dataclass(frozen=True, kw_only=True)
class NodeStatus:
    """The status of one node."""

    name: str
    role: str
    """``master``, ``submit`` or ``execute``, as in the names of the images."""
    group: str
    host: str | None
    """Host of the node, as in the pool file; None for the pool's own."""
    state: str
    exit_code: int | None
    health: str | None
    address: str | None
    ports: Mapping[int, str]
    """Address on the host of each published port, by its number in the node."""
    started_at: datetime | None
    series: str
    image: str
    version: str | None
    """HTCondor's version in the ads of the node's daemons; None if there are no ads."""


@dataclass(frozen=True, kw_only=True)
class DaemonStatus:
    """The status of one daemon, from its ad at the collector."""

    node: str
    type: str
    name: str
    version: str | None
    address: str | None
    heard_at: datetime | None
    """When the collector last heard of it."""
    alive: bool
    """Whether the node runs, and the collector has heard of the daemon since the node's start."""


@dataclass(frozen=True, kw_only=True)
class SlotStatus:
    """The slots of a pool: those that are configured, and the dynamic slots made for jobs."""

    expected: int
    """Number of slots that the running nodes are configured with."""
    configured: int = 0
    """Number of these slots that are at the collector."""
    dynamic: int = 0
    """Number of dynamic slots of running nodes, split off partitionable slots for jobs."""
    by_state: Mapping[str, int] = field(default_factory=dict)
    """Number of configured and dynamic slots by state: ``Claimed/Busy``, ``Unclaimed/Idle``, …"""


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """The number of jobs of one access point, by state."""

    access_point: str
    idle: int
    running: int
    held: int
    removed: int
    completed: int
    """Jobs that have completed since the schedd was started. They have left the queue."""


@dataclass(frozen=True, kw_only=True)
class JoinedStatus:
    """A node of another host that has joined the pool, as its ads show it."""

    name: str
    host: str
    """Name of its host: the attribute ``CondorMiniHost``."""
    address: str | None
    daemons: tuple[str, ...]
    slots: int
    """Number of its configured slots at the collector."""
    heard_at: datetime | None
    """When the collector last heard of one of its daemons."""


@dataclass(frozen=True, kw_only=True)
class SlurmStatus:
    """A Slurm job whose tasks are execution points of the pool."""

    job: str
    """Slurm's number of it."""
    state: str
    """``pending``, ``running``, …: squeue(1) in lower case; ``ended`` if Slurm has it no more."""
    nodes: int
    """Number of compute nodes that were asked for."""
    hosts: str | None = None
    """The compute nodes as Slurm writes them, ``n[1-3]``; None until the job runs."""
    time_left: str | None = None
    """As squeue(1) shows it: ``59:48``."""
    reason: str | None = None
    """Why it waits, in Slurm's word: ``Resources``."""


@dataclass(frozen=True, kw_only=True)
class FaultStatus:
    """A fault in force."""

    fault: str
    """Name of the fault: ``freeze``."""
    target: str
    """What it strikes: ``ci-execute-1/startd``."""
    since: datetime
    until: datetime | None
    """When it is undone; None if it has no time."""
    host: str | None
    """Host of the process that undoes it; None if nobody does but ``heal``."""
    pid: int | None


@dataclass(frozen=True, kw_only=True)
class PoolStatus:
    """The status of a pool at one moment."""

    name: str
    verdict: Verdict
    reasons: tuple[str, ...]
    """Why the pool is not usable; empty if it is usable."""
    series: str
    versions: tuple[str, ...]
    """HTCondor's versions in the ads of all daemons; one, unless nodes differ."""
    nodes: tuple[NodeStatus, ...]
    daemons: tuple[DaemonStatus, ...]
    slots: SlotStatus
    jobs: tuple[JobStatus, ...]
    host: str | None = None
    """Name of the host of these nodes, if the pool is one of several hosts."""
    exposed_at: str | None = None
    """Address at which other hosts reach the pool, ``HOST:PORT``; None if they do not."""
    joins: str | None = None
    """Address of the central manager on another host that these nodes report to; else None."""
    joined: tuple[JoinedStatus, ...] = ()
    """The nodes of other hosts, if the central manager is here."""
    slurm: tuple[SlurmStatus, ...] = ()
    """The Slurm jobs that this user has submitted for the pool."""
    requests: tuple[TokenRequest, ...] = ()
    """Who asks for a token and waits for approval, if other hosts reach the pool."""
    faults: tuple[FaultStatus, ...] = ()
    """The faults in force: what was broken on purpose."""
    problems: tuple[LabelProblem, ...] = ()
    """What is wrong with the labels of containers that belong to the pool, or claim to."""

    @property
    def advice(self) -> str:
        """What to type if the pool is not usable."""
        match self.verdict:
            case Verdict.STOPPED:
                return f"Start it: condor-mini start -n {self.name}"
            case Verdict.STARTING:
                return f"Watch it start: condor-mini logs -n {self.name} --follow"
            case _:
                return f"See why: condor-mini doctor -n {self.name}"

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that docs/reference/json.md describes."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def status(pool: PoolNodes) -> PoolStatus:
    """Return the status of a pool, in whatever state it is.

    Raises:
        NotFound: There is no such pool.
        PoolNotReady: Only the pool's state or network is left; says how to create its nodes.
    """
    return status_with_ads(pool)[0]


def status_with_ads(
    pool: PoolNodes, also: Sequence[str] = (), *, timeout_s: int = COLLECTOR_TIMEOUT_S
) -> tuple[PoolStatus, list[Owned]]:
    """Return the status of a pool, and the ads that it was made of; raises what ``status`` raises.

    Args:
        pool: Pool to query.
        also: Names of further attributes of the ads.
        timeout_s: How long the collector may take to answer.
    """

    def holdings(engine: Engine) -> Holdings:
        held = Holdings(lenient(engine), pool.name)
        ask_at_once(lambda: held.nodes, lambda: held.volumes)
        return held

    held = pool.ask_engine(holdings)
    if not held.nodes:
        pool.existing_nodes()
    away = [failure.message for failure in unreached(held.engine).values()]
    answer: tuple[list[Ad], str] = ([], "")
    requests: list[TokenRequest] = []

    def ask_collector() -> None:
        nonlocal answer
        answer = ask(held.nodes, also=also, timeout_s=timeout_s)

    ask_at_once(ask_collector, lambda: requests.extend(_requests(held.nodes, timeout_s)))
    found = status_of(pool.name, held.nodes, lost=held.lost_nodes(), away=away, answer=answer)
    records = [volume.fault for volume in held.volumes if volume.fault]
    faults = tuple(map(_fault, sorted(records, key=lambda record: record.since)))
    found = replace(found, problems=tuple(held.problems), faults=faults, requests=tuple(requests))
    return found, owners_of(held.nodes, answer[0])


def status_of(
    name: str,
    nodes: Sequence[Node],
    *,
    lost: Sequence[Identity] = (),
    away: Sequence[str] = (),
    now: datetime | None = None,
    answer: tuple[list[Ad], str] | None = None,
) -> PoolStatus:
    """Return the status of a pool whose nodes are already known.

    Args:
        name: Name of the pool.
        nodes: All nodes of the pool, at least one.
        lost: Nodes of the pool whose containers were removed.
        away: Why hosts of the pool are not reached; their nodes are not among ``nodes``.
        now: Time of the query. None for the current time.
        answer: What ``collector.ask`` returned. None to ask now.
    """
    ads, silence = answer or ask(nodes)
    owned = owners_of(nodes, ads)
    joins = nodes[0].joined_to or None
    joined = () if joins else tuple(_joined(owned))
    others = {each.name for each in joined}
    # What other hosts have is not this host's: of a pool that was joined, all that is not here.
    owned = [
        (ad, node)
        for ad, node in owned
        if node or not (joins or ad.get("CondorMiniNode") in others)
    ]
    daemons = _daemons(nodes, owned)
    verdict, reasons = _verdict(nodes, lost, daemons, _slots_by_node(owned), silence, now)
    if away:
        verdict, reasons = Verdict.BROKEN, [*away, *reasons]
    versions = {daemon.version for daemon in daemons if daemon.version}
    return PoolStatus(
        name=name,
        verdict=verdict,
        reasons=tuple(reasons),
        series=nodes[0].series,
        versions=tuple(sorted(versions)),
        nodes=tuple(_node(node, daemons) for node in nodes),
        daemons=tuple(daemons),
        slots=_slots(nodes, owned),
        jobs=tuple(_jobs(owned)),
        host=_host(owned),
        exposed_at=nodes[0].exposed_at or None,
        joins=joins,
        joined=joined,
    )


def expected_slots(nodes: Sequence[Node]) -> dict[str, int]:
    """Return how many slots each running execution point has when no job runs, by node name."""
    groups: dict[str, int] = {}
    for node in nodes:
        if node.role.acts_as(Role.CENTRAL_MANAGER) or node.joined_to:
            with suppress(Malformed):  # `status` reports it as a problem
                # PoolSpec is not used here: its import takes longer than the rest of `status`.
                groups = slots_by_group(spec_form(node.info.labels, node.pool))
    return {
        node.name: groups.get(node.group, 1)
        for node in nodes
        if node.role.acts_as(Role.EXECUTION_POINT) and node.is_running
    }


def _daemons(nodes: Sequence[Node], owned: Sequence[Owned]) -> list[DaemonStatus]:
    startds = _startds(owned)
    daemons = []
    for ad, node in owned:
        kind = _DAEMONS.get(str(ad.get("MyType")))
        if node and node.name in startds and ad.get("MyType") in _OF_STARTD:
            kind = "startd" if ad is startds[node.name] else None
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


def _startds(owned: Sequence[Owned]) -> dict[str, Ad]:
    """Return the ad that tells of each node's startd, by node name.

    It is the startd's own if there is one. HTCondor 23 has only ads of slots. After a crash the
    slots may be back while the startd's own ad is still that of the one before.
    """
    found: dict[str, Ad] = {}
    for ad, node in owned:
        if node and ad.get("MyType") in _OF_STARTD:
            known = found.get(node.name)
            if known is None or _tells_more(ad, known, node):
                found[node.name] = ad
    return found


def _tells_more(ad: Ad, known: Ad, node: Node) -> bool:
    def rank(one: Ad) -> tuple[bool, bool]:
        return _is_alive(node, heard_at(one)), one.get("MyType") == "StartD"

    return rank(ad) > rank(known)


def _host(owned: Sequence[Owned]) -> str | None:
    names = (ad["CondorMiniHost"] for ad, node in owned if node and "CondorMiniHost" in ad)
    return next(names, None)


def _joined(owned: Sequence[Owned]) -> Iterator[JoinedStatus]:
    """Yield the nodes of other hosts, by host and name."""
    found: dict[tuple[str, str], list[Ad]] = {}
    for ad, node in owned:
        if node is None and "CondorMiniHost" in ad:
            found.setdefault((ad["CondorMiniHost"], ad.get("CondorMiniNode", "")), []).append(ad)
    for (host, name), ads in sorted(found.items()):
        kinds = {_DAEMONS.get(ad.get("MyType", ""), "") for ad in ads} - {""}
        slots = [
            ad for ad in ads if ad.get("MyType") == "Machine" and ad.get("SlotType") != "Dynamic"
        ]
        heard = [time for time in map(heard_at, ads) if time]
        if not kinds and not slots:  # submitters, whose ads outlive their schedd's
            continue
        yield JoinedStatus(
            name=name,
            host=host,
            address=next(filter(None, map(address_of, ads)), None),
            daemons=tuple(sorted(kinds | ({"startd"} if slots else set()))),
            slots=len(slots),
            heard_at=max(heard, default=None),
        )


def _requests(nodes: Sequence[Node], timeout_s: float) -> list[TokenRequest]:
    """Return who waits for approval; nobody asks where no other host comes."""
    manager = nodes[0]
    if manager.role is not Role.CENTRAL_MANAGER or not (manager.exposed_at and manager.is_running):
        return []
    with suppress(CondorMiniError):  # the rest of the status says that the collector is silent
        return requests_at(manager, timeout_s=timeout_s)
    return []


def _is_alive(node: Node | None, heard: datetime | None) -> bool:
    if node is None or not node.is_running or heard is None:
        return False
    started = node.info.started_at
    return started is None or heard >= started - CLOCK_SKEW


def _fault(record: FaultRecord) -> FaultStatus:
    holder = record.holder
    return FaultStatus(
        fault=record.fault,
        target=record.target,
        since=record.since,
        until=record.until,
        host=holder.host if holder else None,
        pid=holder.pid if holder else None,
    )


def _node(node: Node, daemons: Sequence[DaemonStatus]) -> NodeStatus:
    info = node.info
    versions = [daemon.version for daemon in daemons if daemon.node == node.name and daemon.alive]
    return NodeStatus(
        name=node.name,
        role=str(node.role),
        group=node.group,
        host=node.host or None,
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
    """Return how many configured slots of each running node are at the collector."""
    found: Counter[str] = Counter()
    for ad, node in owned:
        is_configured = ad.get("MyType") == "Machine" and ad.get("SlotType") != "Dynamic"
        if is_configured and node and _is_alive(node, heard_at(ad)):
            found[node.name] += 1
    return found


def _slots(nodes: Sequence[Node], owned: Sequence[Owned]) -> SlotStatus:
    # The ads of a node that has crashed stay at the collector for a while.
    slots = [
        ad
        for ad, node in owned
        if ad.get("MyType") == "Machine" and (node is None or _is_alive(node, heard_at(ad)))
    ]
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
    lost: Sequence[Identity],
    daemons: Sequence[DaemonStatus],
    slots: Mapping[str, int],
    silence: str,
    now: datetime | None,
) -> tuple[Verdict, list[str]]:
    asked = asked_node(nodes)
    if asked is None:
        return Verdict.BROKEN, ["there is no central manager: the pool is incomplete"]
    if not any(node.is_running for node in nodes):
        return Verdict.STOPPED, [_why_down(node) for node in nodes][:MOST_REASONS]
    broken = [_why_down(node) for node in nodes if not node.is_running]
    missing: list[tuple[Node, str]] = []
    if silence:
        missing.append((asked, f"{silence}{_IF_REFUSED if asked.joined_to else ''}"))
    elif asked.is_running:
        missing = _missing(nodes, daemons, slots)
    lately = (now or datetime.now(UTC)) - STARTING
    for node, what in missing:
        if node.info.started_at is None or node.info.started_at < lately:
            broken.append(what)
    waited_for = [what for _, what in missing]
    # While a pool is created, a volume may exist before the container that it is for.
    is_old = any(node.info.started_at and node.info.started_at < lately for node in nodes)
    (broken if is_old else waited_for).extend(
        f"{node.name} has no container: if it was removed, condor-mini start creates it again"
        for node in lost
    )
    if broken:
        return Verdict.BROKEN, broken[:MOST_REASONS]
    return (Verdict.STARTING, waited_for[:MOST_REASONS]) if waited_for else (Verdict.USABLE, [])


def _missing(
    nodes: Sequence[Node], daemons: Sequence[DaemonStatus], slots: Mapping[str, int]
) -> list[tuple[Node, str]]:
    """Return what the running nodes lack, given that the collector answers."""
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
