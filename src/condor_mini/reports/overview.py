"""A pool at one moment, slot by slot: its status, its slots, and its users' priorities.

The collector is asked once for all of it. The attributes are those of HTCondor's manual: appendices
"Machine ClassAd Attributes" and "Accounting ClassAd Attributes".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, cast

from condor_mini.reports.collector import COLLECTOR_TIMEOUT_S
from condor_mini.reports.status import status_with_ads

if TYPE_CHECKING:
    from condor_mini.nodes.pool_nodes import PoolNodes
    from condor_mini.reports.collector import Owned
    from condor_mini.reports.status import PoolStatus


ROOT_GROUP = "<none>"
"""The negotiator's name of the group that all others are in, and users without a group."""


class _Ad(TypedDict, total=False):
    """The attributes that are queried besides those of a status."""

    Cpus: float
    Memory: float
    RemoteOwner: str
    JobId: str
    GlobalJobId: str
    Priority: float
    PriorityFactor: float
    WeightedResourcesUsed: float
    WeightedAccumulatedUsage: float
    IsAccountingGroup: bool
    ConfigQuota: float
    EffectiveQuota: float


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A slot as its ad at the collector shows it."""

    name: str
    """``slot1_1@ci-execute-1.nodes.internal``."""
    node: str
    """Name of its node, or of the machine if no node of the pool sent the ad."""
    kind: str
    """``Static``, ``Partitionable`` or ``Dynamic``."""
    state: str
    """``Unclaimed``, ``Claimed``, ``Drained``, …"""
    activity: str
    cpus: float
    """Number of cores; of a partitionable slot, those that are left."""
    memory_mb: float
    owner: str | None
    """The user who has claimed it, without the domain."""
    job: str | None
    """Id of the job that it runs: ``3.0``."""
    schedd: str | None
    """Name of the schedd of that job."""


@dataclass(frozen=True, kw_only=True)
class Submitter:
    """A user or a group in the negotiator's accounting."""

    name: str
    """``jovyan@nodes.internal``; the name of a group has no ``@``."""
    is_group: bool
    priority: float
    """Effective user priority: a smaller number gets more slots."""
    factor: float
    in_use: float
    """Cores in use, weighted as the pool weights its slots (``SLOT_WEIGHT``)."""
    used_hours: float
    """Weighted hours of slots since the accounting began."""
    quota: float | None
    """Quota of a group, in slots; None without one."""


@dataclass(frozen=True, kw_only=True)
class Overview:
    """A pool at one moment."""

    status: PoolStatus
    slots: tuple[Slot, ...]
    """By node and name; those of joined nodes too."""
    submitters: tuple[Submitter, ...]
    """By priority, the best first. The negotiator reports them after each of its cycles."""


def overview(pool: PoolNodes, *, timeout_s: int = COLLECTOR_TIMEOUT_S) -> Overview:
    """Return a pool's status, slots and submitters; raises what ``status`` raises.

    Args:
        pool: Pool to query.
        timeout_s: How long the collector may take to answer.
    """
    status, owned = status_with_ads(pool, [*_Ad.__annotations__], timeout_s=timeout_s)
    slots = [_slot(each) for each in owned if each[0].get("MyType") == "Machine"]
    users = [
        _submitter(each)
        for each in owned
        if each[0].get("MyType") == "Accounting" and each[0].get("Name") != ROOT_GROUP
    ]
    return Overview(
        status=status,
        slots=tuple(sorted(slots, key=lambda slot: (slot.node, _place(slot.name)))),
        submitters=tuple(sorted(users, key=lambda user: (user.priority, user.name))),
    )


def _slot(owned: Owned) -> Slot:
    ad, node = owned
    more = cast("_Ad", ad)
    name = ad.get("Name", "")
    job = more.get("GlobalJobId", "")
    owner = more.get("RemoteOwner")
    return Slot(
        name=name,
        node=node.name if node else ad.get("CondorMiniNode", "") or name.rpartition("@")[2],
        kind=ad.get("SlotType", "Static"),
        state=ad.get("State", ""),
        activity=ad.get("Activity", ""),
        cpus=more.get("Cpus", 0),
        memory_mb=more.get("Memory", 0),
        owner=owner.partition("@")[0] if owner else None,
        job=more.get("JobId"),
        schedd=job.partition("#")[0] or None,
    )


def _place(slot: str) -> tuple[int, int]:
    """Return the numbers in a slot's name, by which slots are in order: ``slot1_10@…``."""
    first, _, second = slot.partition("@")[0].removeprefix("slot").partition("_")
    return (int(first) if first.isdecimal() else 0, int(second) if second.isdecimal() else 0)


def _submitter(owned: Owned) -> Submitter:
    ad, _ = owned
    more = cast("_Ad", ad)
    is_group = more.get("IsAccountingGroup", False)
    quota = more.get("EffectiveQuota") or more.get("ConfigQuota")
    return Submitter(
        name=ad.get("Name", ""),
        is_group=is_group,
        priority=more.get("Priority", 0),
        factor=more.get("PriorityFactor", 0),
        in_use=more.get("WeightedResourcesUsed", 0),
        used_hours=more.get("WeightedAccumulatedUsage", 0) / 3600,
        quota=quota if is_group else None,
    )
