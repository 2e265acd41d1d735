"""Checks of a pool and of its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.parallel import each
from condor_mini.doctor.findings import fail, ok, warn
from condor_mini.doctor.held_jobs import held_job_findings
from condor_mini.doctor.idle_jobs import idle_job_findings
from condor_mini.nodes.node import Role
from condor_mini.reports.status import Verdict, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from condor_mini.doctor.findings import Finding
    from condor_mini.nodes.node import Identity, Node


def pool_findings(
    pool: str, nodes: Sequence[Node], *, lost: Sequence[Identity] = ()
) -> Iterator[Finding]:
    """Yield the findings on a pool: the whole pool, each node, and the idle and held jobs.

    Nothing but the pool as a whole is checked if it is stopped.

    Args:
        pool: Name of the pool.
        nodes: All nodes of the pool, at least one.
        lost: Nodes of the pool whose containers were removed.
    """
    status = status_of(pool, nodes, lost=lost)
    reasons = "; ".join(status.reasons)
    subject = f"pool {pool}"
    match status.verdict:
        case Verdict.USABLE:
            yield ok(subject, "usable")
        case Verdict.STOPPED:
            yield warn(subject, f"stopped: {reasons}", f"Start it: condor-mini start -n {pool}")
            return
        case Verdict.STARTING:
            hint = f"Wait, and watch it start: condor-mini logs -n {pool} -f"
            yield warn(subject, f"starting: {reasons}", hint)
        case Verdict.BROKEN:
            yield fail(subject, reasons, f"Start what is missing: condor-mini start -n {pool}")
    yield from each(_node, nodes)
    queues = [node for node in nodes if _has_queue(node)]
    for findings_of in (idle_job_findings, held_job_findings):
        for found in each(findings_of, queues):
            yield from found


def _has_queue(node: Node) -> bool:
    return node.role.acts_as(Role.ACCESS_POINT) and node.is_running


def _node(node: Node) -> Finding:
    subject = f"node {node.name}"
    logs = f"See its log: condor-mini logs -n {node.pool} --node {node.name}"
    try:
        if not node.is_running:
            raise node.ended()
        lacks = node.health()
    except CondorMiniError as error:
        return fail(subject, error.message, error.hint or logs)
    return fail(subject, lacks, logs) if lacks else ok(subject, "healthy")
