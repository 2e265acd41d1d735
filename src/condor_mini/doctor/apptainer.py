"""Why no execution point runs jobs of the container universe, which Apptainer runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError

if TYPE_CHECKING:
    from condor_mini.nodes.node import Node

ABILITIES = {
    "HasContainer": "runs containers",
    "HasSIF": "runs .sif images",
    "HasDockerURL": "runs docker:// images",
    "HasSandboxImage": "runs directories as images",
}
"""What an execution point with Apptainer advertises: HTCondor's ``starter_v61_main.cpp``."""

_QUERY = (
    *("condor_status", "-constraint", 'SlotType =!= "Dynamic"'),
    *("-af", "Machine", "HasSingularity", "SingularityOfflineReason"),
)
_TIMEOUT_S = 30.0
_WITHOUT = (
    "Submit it without container_image and docker_image. To run jobs in the files of an image, "
    "create a pool with it: condor-mini create -n NAME --execute-image IMAGE"
)
_PAGE = "docs/how-to/run-jobs-with-apptainer.md"
_SIF = (
    "Debian's HTCondor does not try .sif images. If Apptainer runs them there, set in the `config` "
    "of the execution points: STARTD_ATTRS = $(STARTD_ATTRS) HasSIF and "
    "HasSIF = HasSingularity =?= True"
)


@dataclass(frozen=True, kw_only=True)
class _Apptainer:
    """An Apptainer on an execution point, and what HTCondor found when it tried it."""

    machine: str
    works: bool
    reason: str
    """Why it does not work, in HTCondor's words."""


def why_not(node: Node, attribute: str) -> tuple[str, str]:
    """Return why no execution point advertises an attribute of ``ABILITIES``, and what to do.

    Args:
        node: A node that runs, to ask the collector from.
        attribute: The attribute.
    """
    evidence = f"idle: no execution point {ABILITIES[attribute]} ({attribute})"
    found = _apptainers(node)
    if attribute == "HasSIF" and any(one.works for one in found):
        return evidence, _SIF
    for one in found:
        if not one.works:
            evidence += f"; Apptainer on {one.machine} does not work: {one.reason}"
            return evidence, f"{_PAGE} says what Apptainer needs"
    return evidence, f"{_WITHOUT}. Or install Apptainer, as {_PAGE} says"


def _apptainers(node: Node) -> list[_Apptainer]:
    """Return each Apptainer that HTCondor has found on an execution point."""
    try:
        result = node.exec(_QUERY, user="root", timeout_s=_TIMEOUT_S)
    except CondorMiniError:
        # What is asked here only explains what was found before.
        return []
    rows = [line.split(None, 2) for line in result.stdout.splitlines()]
    return [
        _Apptainer(machine=row[0].partition(".")[0], works=row[1].lower() == "true", reason=row[2])
        for row in rows
        if len(row) == 3 and row[1].lower() in ("true", "false")
    ]
