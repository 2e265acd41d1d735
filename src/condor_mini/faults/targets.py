"""What a fault is to strike: found by its names, and free of other faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse, NotFound, UsageError
from condor_mini.faults.action import Target
from condor_mini.faults.catalogue import FAULTS
from condor_mini.faults.daemons import ROLES, runs
from condor_mini.faults.fault import Fault, Strikes
from condor_mini.faults.joined import node_here
from condor_mini.nodes.node import Role
from condor_mini.reports.logs import known_daemon

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.faults.choices import Choices
    from condor_mini.nodes.fault_records import FaultRecord
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes


def targets(
    pool: PoolNodes,
    fault: Fault,
    nodes: str | Sequence[str] | None,
    daemon: str,
    jobs: Sequence[str],
    *,
    in_force: Sequence[FaultRecord],
    options: Choices,
    progress: Progress,
) -> list[Target]:
    """Return what a fault is to strike; raises as ``Faults.strike`` says."""
    names = [nodes] if isinstance(nodes, str) or nodes is None else list(dict.fromkeys(nodes))
    if fault.strikes is not Strikes.JOBS and not all(names or [""]):
        raise UsageError(f"{fault.name} strikes {fault.strikes}: name the node")
    if fault.strikes is not Strikes.NODES and len(names) != 1:
        raise UsageError(f"{fault.name} strikes one node at a time")
    if (fault.strikes is Strikes.DAEMON) != bool(daemon):
        raise UsageError(f"{fault.name} strikes {fault.strikes}: execute-1, for example")
    found = [_node(pool, fault, daemon, name) for name in names]
    others = options.get("from", ())
    away_from = (
        [_here(pool, fault, daemon, name) for name in others]
        if not isinstance(others, float)
        else []
    )
    chosen = [
        Target(
            pool=pool,
            node=node,
            daemon=_daemon(fault, node, daemon) if daemon else "",
            jobs=jobs,
            options=options,
            group=found,
            away_from=away_from,
            progress=progress,
        )
        for node in found
    ]
    for target in chosen:
        _check_free(fault, target, in_force)
    for node in (*found, *away_from):
        if not node.is_running:
            raise node.ended()
    return chosen


def _here(pool: PoolNodes, fault: Fault, daemon: str, name: str | None) -> Node:
    def command(node: str) -> str:
        options = "".join(f" --{o.name} {o.metavar}" for o in fault.options if o.required)
        return f"condor-mini fault {fault.name} {node}{daemon and f' {daemon}'}{options}"

    return node_here(pool, name, command)


def _node(pool: PoolNodes, fault: Fault, daemon: str, name: str | None) -> Node:
    node = _here(pool, fault, daemon, name)
    if fault.strikes is Strikes.JOBS and not node.role.acts_as(Role.ACCESS_POINT):
        raise UsageError(
            f"{node.name} is no access point: it has no jobs",
            hint=f"See which there are: condor-mini status -n {pool.name}",
        )
    return node


def _daemon(fault: Fault, node: Node, name: str) -> str:
    daemon = known_daemon(name)
    if daemon not in fault.daemons:
        raise UsageError(f"{fault.name} strikes {', '.join(fault.daemons)}; not {daemon}")
    if not runs(node, daemon):
        there = ", ".join(other for other in ROLES if other in fault.daemons and runs(node, other))
        raise NotFound(
            f"{node.name} runs no {daemon}: it is {_article(node)}"
            + (f"; {fault.name} can strike {there} there" if there else ""),
            hint=f"See what runs where: condor-mini status -n {node.pool}",
        )
    return daemon


def _article(node: Node) -> str:
    return f"{'an' if node.role.words[0] in 'aeiou' else 'a'} {node.role.words}"


def _check_free(fault: Fault, chosen: Target, in_force: Iterable[FaultRecord]) -> None:
    """Raise ``AlreadyInUse`` if a fault in force leaves nothing to strike."""
    for record in in_force:
        if record.node != chosen.node.name:
            continue
        other = FAULTS.get(record.fault)
        same = (record.fault, record.target) == (fault.name, chosen.name)
        if same or (other is not None and other.stops_node):
            raise AlreadyInUse(
                f"{record} is in force already",
                hint=f"Undo it: condor-mini heal -n {record.pool} {record.target}",
            )


def is_meant(record: FaultRecord, what: str | None) -> bool:
    """Return whether a name is a fault's, its node's, or its target's; None means all."""
    names = (record.fault, record.node, record.target)
    return what is None or what in names or f"{record.pool}-{what}" in names
