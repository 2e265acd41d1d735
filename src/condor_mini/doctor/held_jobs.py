"""The reasons why held jobs are held, and what to type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError
from condor_mini.doctor.findings import fail, ok, warn
from condor_mini.jobs.holds import USER_REQUEST, held_for_good
from condor_mini.jobs.job_ads import HELD
from condor_mini.jobs.missing_programs import advice
from condor_mini.nodes.condor_config import SPOOLING_INPUT

if TYPE_CHECKING:
    from condor_mini.doctor.findings import Finding
    from condor_mini.jobs.job_ads import JobAd
    from condor_mini.nodes.node import Node

MOST_JOBS = 5
"""Number of held jobs of each access point to report."""
QUERY_TIMEOUT_S = 30.0
_ATTRIBUTES = "ClusterId,ProcId,HoldReason,HoldReasonCode,PeriodicRelease"
_HELD_JOBS = (
    *("condor_q", "-allusers", "-json", "-attributes", _ATTRIBUTES),
    *("-constraint", f"JobStatus == {HELD} && HoldReasonCode =!= {SPOOLING_INPUT}"),
)


def held_job_findings(node: Node) -> list[Finding]:
    """Return the findings on the held jobs of an access point that runs."""
    subject = f"held jobs on {node.name}"
    try:
        result = node.exec(_HELD_JOBS, user="root", timeout_s=QUERY_TIMEOUT_S)
        if result.returncode != 0:
            output = result.stderr.strip() or result.stdout.strip()
            return [fail(subject, f"condor_q ended with {result.returncode}: {output}")]
        jobs: list[JobAd] = json.loads(result.stdout or "[]")
        shown = jobs[:MOST_JOBS]
        staying = held_for_good(node, shown)
        findings = [_finding(node, job, for_good=job in staying) for job in shown]
    except CondorMiniError as error:
        return [fail(subject, error.message, error.hint)]
    if len(jobs) > MOST_JOBS:
        findings.append(ok(subject, f"not shown: {len(jobs) - MOST_JOBS}"))
    return findings


def _finding(node: Node, job: JobAd, *, for_good: bool) -> Finding:
    number = f"{job['ClusterId']}.{job['ProcId']}"
    subject = f"job {number} on {node.name}"
    reason = job.get("HoldReason", "")
    if not for_good:
        return ok(subject, f"held: {reason}; its policy may release it")
    if job.get("HoldReasonCode") == USER_REQUEST:
        return ok(subject, f"held: {reason}")
    run = f"condor-mini exec -n {node.pool} --node {node.name} --"
    release = (
        f"Correct the cause, then release it: {run} condor_release {number}. "
        f"Or remove it: {run} condor_rm {number}"
    )
    return warn(subject, f"held: {reason}", advice(node, reason) or release)
