"""Checks of a pool, and the reasons why its idle jobs are idle."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.parallel import each
from condor_mini.doctor.findings import fail, ok, warn
from condor_mini.nodes.node import Role
from condor_mini.reports.status import Verdict, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from condor_mini.doctor.findings import Finding
    from condor_mini.nodes.node import Node

MOST_JOBS = 5
"""Number of idle jobs of each access point to analyse."""
ANALYSIS_TIMEOUT_S = 30.0

_IDLE = ("condor_q", "-allusers", "-constraint", "JobStatus == 1", "-af:j", "ProcId")
# HTCondor 23 counts machines, and 25 counts slots and prints more words.
_SUMMARY = re.compile(
    r"(?m)^0*(\d+)\.0*(\d+):  Run analysis summary.*?Of (\d+) (?:slots? on \d+ )?machines?,$"
)
_BLOCK = re.compile(r"(?m)^The Requirements expression for job \S+ is$")
_COUNT = re.compile(r"(?m)^\s+(\d+) (?:slots? )?(.+)$")
_WILLING = ("willing to run your job", "able to run your job")
_STEP = re.compile(r"(?m)^\[\d+\]\s+(\d+)\s+(?:\d+\s+)?(\S.*)$")
_ATTRIBUTE = re.compile(r"(?m)^    (\w+) = (.+)$")


def pool_findings(pool: str, nodes: Sequence[Node]) -> Iterator[Finding]:
    """Yield the findings on a pool: the whole pool, each node, and the idle jobs.

    Nothing but the pool as a whole is checked if it is stopped.

    Args:
        pool: Name of the pool.
        nodes: All nodes of the pool, at least one.
    """
    status = status_of(pool, nodes)
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
            yield fail(
                subject, reasons, f"Start the nodes that have ended: condor-mini start -n {pool}"
            )
    yield from each(_node, nodes)
    for found in each(_idle_jobs, [node for node in nodes if _has_queue(node)]):
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


def _idle_jobs(node: Node) -> list[Finding]:
    subject = f"jobs on {node.name}"
    try:
        result = node.exec(_IDLE, user="root", timeout_s=ANALYSIS_TIMEOUT_S)
        if result.returncode != 0:
            output = result.stderr.strip() or result.stdout.strip()
            return [fail(subject, f"condor_q ended with {result.returncode}: {output}")]
        jobs = [line.split()[0] for line in result.stdout.splitlines() if line.strip()]
        if not jobs:
            return [ok(subject, "no job is idle")]
        argv = ["condor_q", "-better-analyze", *jobs[:MOST_JOBS]]
        result = node.exec(argv, user="root", timeout_s=ANALYSIS_TIMEOUT_S)
    except CondorMiniError as error:
        return [fail(subject, error.message, error.hint)]
    findings = [
        _finding(f"job {analysis.job} on {node.name}", analysis, node)
        for analysis in analyses(result.stdout)
    ]
    if not findings:
        lines = (result.stderr.strip() or result.stdout.strip()).splitlines() or ["nothing"]
        return [
            warn(subject, f"idle jobs: {len(jobs)}; condor_q -better-analyze prints: {lines[-1]}")
        ]
    if len(jobs) > MOST_JOBS:
        findings.append(ok(subject, f"idle jobs not analysed: {len(jobs) - MOST_JOBS}"))
    return findings


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The analysis of one job by ``condor_q -better-analyze``."""

    job: str
    """Job id, ``CLUSTER.PROC``."""
    slots: int
    """Number of slots that the job was compared with; of machines with HTCondor 23."""
    matching: int
    """Number of slots that would take the job now."""
    busy: int
    """Number of slots that would take the job if they were free."""
    unmet: tuple[str, ...]
    """Conditions of the job that no slot meets, with the job's attributes that they name."""
    refused: int
    """Number of slots that refuse the job by their own conditions."""


def analyses(text: str) -> list[Analysis]:
    """Return the analysis of each job in the output of ``condor_q -better-analyze``."""
    found = []
    for block in _BLOCK.split(text):
        summary = _SUMMARY.search(block)
        if summary is None:
            continue
        counts = [(int(count), words) for count, words in _COUNT.findall(block[summary.end() :])]
        attributes = dict(_ATTRIBUTE.findall(block))
        unmet = [
            _explained(condition, attributes)
            for count, condition in _STEP.findall(block[: summary.start()])
            if int(count) == 0
        ]
        found.append(
            Analysis(
                job=f"{summary[1]}.{summary[2]}",
                slots=int(summary[3]),
                matching=sum(n for n, words in counts if words.endswith(_WILLING)),
                busy=sum(
                    n
                    for n, words in counts
                    if "would match if drained" in words or "serving" in words
                ),
                unmet=tuple(unmet),
                refused=sum(n for n, words in counts if words.startswith("reject")),
            )
        )
    return found


def _explained(condition: str, attributes: dict[str, str]) -> str:
    named = [
        f"{name} = {value}"
        for name, value in attributes.items()
        if re.search(rf"\b{re.escape(name)}\b", condition)
    ]
    return f"{condition} ({', '.join(named)})" if named else condition


def _finding(subject: str, analysis: Analysis, node: Node) -> Finding:
    full_analysis = (
        f"See the full analysis: condor-mini exec -n {node.pool} --node {node.name} -- "
        f"condor_q -better-analyze {analysis.job}"
    )
    if analysis.slots == 0:
        return warn(
            subject,
            "idle: there are no slots",
            f"Add execution points: condor-mini scale -n {node.pool} --execute 1",
        )
    if analysis.matching:
        return ok(subject, f"idle: {analysis.matching} slots would take it; it waits for its turn")
    if analysis.busy:
        return ok(subject, f"idle: {analysis.busy} slots would take it, but are busy")
    if analysis.unmet:
        return warn(
            subject,
            f"idle: none of {analysis.slots} slots meets {' and '.join(analysis.unmet)}",
            f"Request less (condor_qedit), or add larger execution points. {full_analysis}",
        )
    if analysis.refused:
        return warn(
            subject,
            f"idle: {analysis.refused} slots refuse it by their own requirements",
            full_analysis,
        )
    return warn(subject, f"idle: none of {analysis.slots} slots takes it", full_analysis)
