"""The ads at a pool's collector."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.layout import USER
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.nodes.node import Node

    Owned = tuple["Ad", Node | None]

COLLECTOR_TIMEOUT_S = 5
_TIMED_OUT = 124
"""Exit status of ``timeout`` for a command that it has ended."""
_ADDRESS = re.compile(r"<\[?([0-9a-fA-F.:]+)\]?:(\d+)")


class Ad(TypedDict, total=False):
    """The attributes that are queried of a daemon's or a slot's ClassAd."""

    MyType: str
    Name: str
    CondorMiniNode: str
    CondorMiniHost: str
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


def ask(
    nodes: Sequence[Node], *, also: Sequence[str] = (), timeout_s: int = COLLECTOR_TIMEOUT_S
) -> tuple[list[Ad], str]:
    """Return all ads at a pool's collector, and why there are none if the query fails.

    Without a running central manager there are no ads and no reason: the state of the nodes
    already shows it.

    Args:
        nodes: All nodes of the pool.
        also: Names of attributes to query besides those of ``Ad``.
        timeout_s: Deadline of the query. The ads of ten thousand slots take some seconds.
    """
    asked = asked_node(nodes)
    if asked is None or not asked.is_running:
        return [], ""
    where = f"the collector on {asked.joined_to or asked.name}"
    # Users of a joined execution point have no token.
    user = "root" if asked.joined_to else USER
    try:
        # Our own deadline ends only our side of the call; ``timeout`` ends the command in the node.
        argv = ["timeout", str(timeout_s), "condor_status", "-any", "-json"]
        argv += ["-attributes", ",".join([*Ad.__annotations__, *also])]
        result = asked.exec(argv, user=user, timeout_s=timeout_s + 1)
    except CondorMiniError as error:
        return [], f"{where} cannot be queried: {error.message}"
    if result.returncode == _TIMED_OUT:
        return [], f"{where} does not answer in {timeout_s} s"
    if result.returncode != 0:
        output = (result.stderr.strip() or result.stdout.strip()).splitlines() or ["(no output)"]
        return [], f"{where} does not answer: {output[-1]}"
    try:
        return json.loads(result.stdout or "[]"), ""
    except ValueError:
        return [], f"the answer of {where} is not JSON: {result.stdout[:200]}"


def asked_node(nodes: Sequence[Node]) -> Node | None:
    """Return the node that asks the collector: the central manager, or any that has joined one."""
    managers = [node for node in nodes if node.role.acts_as(Role.CENTRAL_MANAGER)]
    joined = [node for node in nodes if node.joined_to]
    return next(iter([*managers, *(node for node in joined if node.is_running), *joined]), None)


def owners_of(nodes: Sequence[Node], ads: Sequence[Ad]) -> list[Owned]:
    """Return each ad with its node, or None if no node of the pool sent it.

    A node is found by its name in ``CondorMiniNode``, which every daemon of a node puts into its
    ads (``config.d/15-names`` of the images), or else by the address. The user's configuration can
    change ``Machine`` and ``Name``.
    """
    by_name = {node.name: node for node in nodes}
    by_address = {address: node for node in nodes for address in node.info.addresses.values()}

    def owner(ad: Ad) -> Node | None:
        if node := by_name.get(ad.get("CondorMiniNode", "")):
            return node
        if "CondorMiniHost" in ad:  # of several hosts, whose nodes may have the same address
            return None
        return by_address.get((address_of(ad) or "").rpartition(":")[0])

    return [(ad, owner(ad)) for ad in ads]


def address_of(ad: Ad) -> str | None:
    """Return the address and port in an ad, ``172.18.0.2:9618``, without HTCondor's additions."""
    found = _ADDRESS.search(ad.get("MyAddress", ""))
    return f"{found[1]}:{found[2]}" if found else None


def version_of(ad: Ad) -> str | None:
    """Return the version of HTCondor in an ad: ``25.14.1``."""
    words = ad.get("CondorVersion", "").split()
    return words[1] if len(words) > 1 else None


def heard_at(ad: Ad) -> datetime | None:
    """Return when the collector last heard of the daemon or slot, by the collector's clock."""
    seconds = ad.get("LastHeardFrom")
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
