"""Why no execution point runs jobs of the container universe, which Apptainer runs."""

from __future__ import annotations

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


def why_not(node: Node, attribute: str) -> tuple[str, str]:
    """Return why no execution point advertises an attribute of ``ABILITIES``, and what to do.

    Args:
        node: A node that runs, to ask the collector from.
        attribute: The attribute.
    """
    evidence = f"idle: no execution point {ABILITIES[attribute]} ({attribute})"
    works, broken = _apptainers(node)
    if works and attribute == "HasSIF":
        return evidence, _SIF
    if broken:
        machine, reason = broken[0]
        evidence += f"; Apptainer on {machine} does not work: {reason}"
        return evidence, f"{_PAGE} says what Apptainer needs"
    return evidence, f"{_WITHOUT}. Or use Apptainer: {_PAGE}"


def _apptainers(node: Node) -> tuple[bool, list[tuple[str, str]]]:
    """Return whether Apptainer works anywhere, and each machine where it does not, with why."""
    try:
        result = node.exec(_QUERY, user="root", timeout_s=_TIMEOUT_S)
    except CondorMiniError:
        # What is asked here only explains what was found before.
        return False, []
    rows = [line.split(None, 2) for line in result.stdout.splitlines()]
    rows = [row for row in rows if len(row) == 3]
    broken = [(row[0].partition(".")[0], row[2]) for row in rows if row[1].lower() == "false"]
    return any(row[1].lower() == "true" for row in rows), broken
