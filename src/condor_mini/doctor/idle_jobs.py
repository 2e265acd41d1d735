"""The reasons why idle jobs are idle, and what to type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError
from condor_mini.doctor import apptainer
from condor_mini.doctor.analysis import analyses
from condor_mini.doctor.findings import fail, ok, warn

if TYPE_CHECKING:
    from collections.abc import Collection

    from condor_mini.doctor.analysis import Analysis
    from condor_mini.doctor.findings import Finding
    from condor_mini.nodes.node import Node

MOST_JOBS = 5
"""Number of idle jobs of each access point to analyse."""
ANALYSIS_TIMEOUT_S = 30.0
GRID, PARALLEL = "9", "11"
"""Values of ``JobUniverse``: HTCondor's manual, "Job ClassAd Attributes"."""

_IDLE = ("condor_q", "-allusers", "-constraint", "JobStatus == 1", "-af:j", "JobUniverse")
_SLOTS = (
    *("condor_status", "-constraint", 'SlotType =!= "Dynamic"', "-af"),
    *("TotalSlotCpus", "TotalSlotMemory", "TotalSlotDisk", "TotalSlotGPUs", "DedicatedScheduler"),
)
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_RESOURCE = re.compile(r"\bRequest(Cpus|Memory|Disk|GPUs)\b")
_OWN_IMAGE = (
    "Submit it without container_image and docker_image. To run jobs in the files of an image, "
    "create a pool with it: condor-mini create -n NAME --execute-image IMAGE"
)
_WITH_JAVA = "A pool has Java if its image has: condor-mini create -n NAME --execute-image IMAGE"
_ABILITIES = {
    "HasDocker": ("runs Docker containers", _OWN_IMAGE),
    "HasJava": (
        "has Java",
        f"Submit it to the vanilla universe. {_WITH_JAVA}",
    ),
    "HasVM": (
        "runs virtual machines",
        "Submit it to the vanilla universe; pools in containers run no virtual machines",
    ),
}
"""What an execution point that does not advertise an attribute cannot do, and what to do then."""


@dataclass(frozen=True, kw_only=True)
class _Slots:
    """What the pool's slots have."""

    largest: str
    """The largest slot in words; empty if there is none."""
    has_dedicated: bool
    """Whether one of them has a dedicated scheduler, which parallel universe jobs need."""


def idle_job_findings(node: Node, only: Collection[str] | None = None) -> list[Finding]:
    """Return the findings on the idle jobs of an access point that runs.

    Args:
        node: The access point.
        only: Ids of the jobs to look at (``3.0``). None for the first ones that are idle.
    """
    subject = f"jobs on {node.name}"
    try:
        result = node.exec(_IDLE, user="root", timeout_s=ANALYSIS_TIMEOUT_S)
        if result.returncode != 0:
            output = result.stderr.strip() or result.stdout.strip()
            return [fail(subject, f"condor_q ended with {result.returncode}: {output}")]
        universes = dict(_pair(line) for line in result.stdout.splitlines() if line.strip())
        jobs = [job for job in universes if only is None or job in only]
        if not jobs:
            return [ok(subject, "no job is idle" if only is None else "none of these jobs is idle")]
        argv = ["condor_q", "-better-analyze", *jobs[:MOST_JOBS]]
        result = node.exec(argv, user="root", timeout_s=ANALYSIS_TIMEOUT_S)
        slots = _slots(node)
    except CondorMiniError as error:
        return [fail(subject, error.message, error.hint)]
    findings = [
        _finding(
            f"job {analysis.job} on {node.name}",
            analysis,
            node,
            universe=universes.get(analysis.job, ""),
            slots=slots,
        )
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


def _pair(line: str) -> tuple[str, str]:
    job, _, universe = line.partition(" ")
    return job, universe.strip()


def _slots(node: Node) -> _Slots:
    result = node.exec(_SLOTS, user="root", timeout_s=ANALYSIS_TIMEOUT_S)
    rows = [line.split(None, 4) for line in result.stdout.splitlines()]
    rows = [row for row in rows if len(row) == 5 and all(map(_NUMBER.fullmatch, row[:3]))]
    largest = ""
    if rows:
        cpus, memory_mb, disk_kb = max([int(float(text)) for text in row[:3]] for row in rows)
        largest = f"{cpus} {'core' if cpus == 1 else 'cores'}, {memory_mb} MiB of memory, "
        largest += f"{disk_kb // 1024} MiB of disk"
    gpus = max((int(row[3]) for row in rows if row[3].isdigit()), default=0)
    if gpus:
        largest += f"; the most GPUs that a slot has are {gpus}"
    return _Slots(largest=largest, has_dedicated=any(row[4] != "undefined" for row in rows))


def _finding(
    subject: str, analysis: Analysis, node: Node, *, universe: str, slots: _Slots
) -> Finding:
    full_analysis = (
        f"See the full analysis: condor-mini exec -n {node.pool} --node {node.name} -- "
        f"condor_q -better-analyze {analysis.job}"
    )
    if universe == GRID:
        return warn(
            subject,
            "idle: it is a grid universe job, which no slot runs; the access point hands it to the "
            "system that its grid_resource names",
            f"See whether it does: condor-mini logs -n {node.pool} --node {node.name}. "
            "To run it in this pool, submit it to the vanilla universe",
        )
    if analysis.slots == 0:
        return warn(
            subject,
            "idle: there are no slots",
            f"Add execution points: condor-mini scale -n {node.pool} --execute 1",
        )
    if universe == PARALLEL and not slots.has_dedicated:
        return warn(
            subject,
            "idle: the parallel universe needs slots with a DedicatedScheduler, and there are none",
            "Submit it to the vanilla universe. Or set on the execution points: "
            f'DedicatedScheduler = "DedicatedScheduler@{node.name}" and '
            "STARTD_ATTRS = $(STARTD_ATTRS) DedicatedScheduler",
        )
    if analysis.matching:
        return ok(subject, f"idle: {analysis.matching} slots would take it; it waits for its turn")
    if analysis.busy:
        return ok(subject, f"idle: {analysis.busy} slots would take it, but are busy")
    if analysis.unmet:
        return _unmet(subject, analysis, node, slots, full_analysis)
    if analysis.refused:
        return warn(
            subject,
            f"idle: {analysis.refused} slots refuse it by their own requirements",
            full_analysis,
        )
    return warn(
        subject, f"idle: none of {analysis.slots} slots meets all its conditions", full_analysis
    )


def _unmet(
    subject: str, analysis: Analysis, node: Node, slots: _Slots, full_analysis: str
) -> Finding:
    conditions = " and ".join(analysis.unmet)
    for attribute in apptainer.ABILITIES:
        if re.search(rf"\b{attribute}\b", conditions):
            evidence, hint = apptainer.why_not(node, attribute)
            return warn(subject, evidence, f"{hint}. {full_analysis}")
    for attribute, (ability, hint) in _ABILITIES.items():
        if re.search(rf"\b{attribute}\b", conditions):
            evidence = f"idle: no execution point {ability} ({attribute})"
            return warn(subject, evidence, f"{hint}. {full_analysis}")
    evidence = f"idle: none of {analysis.slots} slots meets {conditions}"
    if not _RESOURCE.search(conditions):
        return warn(subject, evidence, f"Change its requirements: condor_qedit. {full_analysis}")
    if slots.largest:
        evidence += f"; the largest slot has {slots.largest}"
    return warn(
        subject,
        evidence,
        f"Request less (condor_qedit), or add larger execution points. {full_analysis}",
    )
