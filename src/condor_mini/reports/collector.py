"""What is asked of a pool's collector, and what it is told: the ads that it has."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict

from condor_mini.base.errors import CondorMiniError
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.nodes.node import Node

    Owned = tuple["Ad", Node | None]

COLLECTOR_TIMEOUT_S = 5
_TIMED_OUT = 124
"""The status of ``timeout`` for a command that it has ended."""
_TABLES = (
    ("INVALIDATE_STARTD_ADS", "Machine"),
    ("INVALIDATE_STARTD_ADS", "StartD"),
    ("INVALIDATE_MASTER_ADS", "DaemonMaster"),
)
_ADDRESS = re.compile(r"<\[?([0-9a-fA-F.:]+)\]?:(\d+)")


class Ad(TypedDict, total=False):
    """The attributes of a daemon's or a slot's ClassAd that are asked for here."""

    MyType: str
    Name: str
    Machine: str
    MyAddress: str
    CondorVersion: str
    LastHeardFrom: int
    State: str
    Activity: str
    SlotType: str
    JobsCompleted: int
    TotalIdleJobs: int
    TotalRunningJobs: int
    TotalHeldJobs: int
    TotalRemovedJobs: int
    TotalLocalJobsIdle: int
    TotalLocalJobsRunning: int
    TotalSchedulerJobsIdle: int
    TotalSchedulerJobsRunning: int


_QUESTION = (
    # In the node, too: what our own deadline ends is only our side of it.
    *("timeout", str(COLLECTOR_TIMEOUT_S)),
    *("condor_status", "-any", "-json", "-attributes", ",".join(Ad.__annotations__)),
)


def ask(nodes: Sequence[Node]) -> tuple[list[Ad], str]:
    """All ads at the collector of a pool; and why there are none, if it cannot be asked.

    A pool without a running central manager has none, and that is no news: its nodes say it.
    """
    manager = next((node for node in nodes if node.role is Role.CENTRAL_MANAGER), None)
    if manager is None or not manager.is_running:
        return [], ""
    try:
        said = manager.exec(_QUESTION, timeout_s=COLLECTOR_TIMEOUT_S + 1)
    except CondorMiniError as error:
        return [], f"the collector on {manager.name} cannot be asked: {error.message}"
    if said.returncode == _TIMED_OUT:
        return [], f"the collector on {manager.name} does not answer in {COLLECTOR_TIMEOUT_S} s"
    if said.returncode != 0:
        words = (said.stderr.strip() or said.stdout.strip()).splitlines() or ["(it said nothing)"]
        return [], f"the collector on {manager.name} does not answer: {words[-1]}"
    try:
        return json.loads(said.stdout or "[]"), ""
    except ValueError:
        return [], f"the collector on {manager.name} answers what is no JSON: {said.stdout[:200]}"


def owners_of(nodes: Sequence[Node], ads: Sequence[Ad]) -> list[Owned]:
    """Each ad with the node that it is of: by its host name, or else by its address."""
    by_name = {node.name: node for node in nodes}
    by_address = {address: node for node in nodes for address in node.info.addresses.values()}

    def owner(ad: Ad) -> Node | None:
        if node := by_name.get(ad.get("Machine", "").partition(".")[0]):
            return node
        return by_address.get((address_of(ad) or "").rpartition(":")[0])

    return [(ad, owner(ad)) for ad in ads]


def address_of(ad: Ad) -> str | None:
    """``172.18.0.2:9618``, without what HTCondor adds to it."""
    found = _ADDRESS.search(ad.get("MyAddress", ""))
    return f"{found[1]}:{found[2]}" if found else None


def version_of(ad: Ad) -> str | None:
    """``25.14.1``."""
    words = ad.get("CondorVersion", "").split()
    return words[1] if len(words) > 1 else None


def heard_at(ad: Ad) -> datetime | None:
    """When the collector last heard of it, by the collector's own clock."""
    seconds = ad.get("LastHeardFrom")
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def forget(manager: Node, names: Sequence[str]) -> None:
    """Let the collector forget all ads of execution points, so that nothing is matched to them.

    A node that is stopped takes its own ads back, but not one that has only just begun, or that
    was killed. condor_advertise(1); each command is about one table of the collector's.
    """
    hosts = ", ".join(f'"{name}"' for name in names)
    for command, kind in _TABLES:
        query = f'MyType = "Query"\nTargetType = "{kind}"\n'
        gone = f"Requirements = member(Machine, {{{hosts}}})\n"
        with suppress(CondorMiniError):
            manager.exec(["condor_advertise", command, "-"], user="root", stdin=query + gone)
