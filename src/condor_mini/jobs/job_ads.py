"""The ads of jobs, as HTCondor's tools print them, and who runs these tools."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Literal, Protocol, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.engine import CommandResult

IDLE, RUNNING, REMOVED, COMPLETED, HELD, TRANSFERRING, SUSPENDED = range(1, 8)
"""JobStatus, as in HTCondor's manual, appendix "Job ClassAd Attributes"."""
STATES = {
    IDLE: "idle",
    RUNNING: "running",
    REMOVED: "removed",
    COMPLETED: "completed",
    HELD: "held",
    TRANSFERRING: "transferring",
    SUSPENDED: "suspended",
}
"""The name of each JobStatus."""
AT_WORK = (RUNNING, TRANSFERRING, SUSPENDED)
"""JobStatus of a job that has a slot."""


STAGING_ATTRIBUTE = "CondorMiniStaging"
"""The attribute that holds the ``Staging.name`` of the directory that a job was submitted in."""
ATTRIBUTES = (
    *("ClusterId", "ProcId", "JobStatus", "HoldReason", "HoldReasonCode", "RemoveReason"),
    *("PeriodicRelease", "Iwd", "Out", "Err", "UserLog", "ExitBySignal", "ExitCode"),
    *("ExitSignal", "RemoteWallClockTime", STAGING_ATTRIBUTE),
    *("SUBMIT_Iwd", "SUBMIT_Out", "SUBMIT_Err", "SUBMIT_UserLog"),
    *("RemoteHost", "TotalSubmitProcs", "JobMaterializeNextProcId"),
)
Written = Literal["Out", "Err", "UserLog"]
"""The attributes of a job's ad that name files which the job writes."""


class Runner(Protocol):
    """A node or a personal pool, which runs commands."""

    def exec(
        self, argv: Sequence[str], *, workdir: str = ..., timeout_s: float = ...
    ) -> CommandResult:
        """Run a command to its end as the ordinary user, and return its output and status."""


class JobAd(TypedDict, total=False):
    """The attributes of a job's ClassAd that this module queries."""

    ClusterId: int
    ProcId: int
    JobStatus: int
    HoldReason: str
    HoldReasonCode: int
    RemoveReason: str
    PeriodicRelease: bool | str
    """A literal, or an expression in the form of the tools' JSON: ``/Expr(...)/``."""
    Iwd: str
    Out: str
    Err: str
    UserLog: str
    ExitBySignal: bool
    ExitCode: int
    ExitSignal: int
    RemoteWallClockTime: float
    """Seconds, in whole numbers, for which the job had a slot: of all its starts together."""
    CondorMiniStaging: str
    SUBMIT_Iwd: str
    SUBMIT_Out: str
    SUBMIT_Err: str
    SUBMIT_UserLog: str
    RemoteHost: str
    """The slot that the job has: ``slot1_1@ci-execute-1.nodes.internal``."""
    TotalSubmitProcs: int
    """Number of jobs that were submitted in the cluster."""
    JobMaterializeNextProcId: int
    """Number of its jobs that are or were in the queue, where ``max_materialize`` limits them."""


def path_of(ad: JobAd, attribute: Written) -> str | None:
    """Return the path in the access point of a file that a job's ad names; None if it names none.

    The ad of a spooled job has the names that the submit file gave in attributes of its own.
    """
    name = ad.get(f"SUBMIT_{attribute}") or ad.get(attribute)
    if not name or name == "/dev/null":
        return None
    return posixpath.join(str(ad.get("SUBMIT_Iwd") or ad["Iwd"]), str(name))


def counts(ads: Sequence[JobAd]) -> str:
    """Return how many of these jobs run, are idle and are held: ``2 running, 1 idle``."""
    running = sum(ad["JobStatus"] in AT_WORK for ad in ads)
    held = sum(ad["JobStatus"] == HELD for ad in ads)
    text = f"{running} running, {len(ads) - running - held} idle"
    return f"{text}, {held} held" if held else text


def node_of_slot(slot: str) -> str:
    """Return the name of the machine in a slot's name, without its domain: ``ci-execute-1``."""
    machine = slot.rpartition("@")[2]
    is_name = not machine.replace(".", "").isdigit()
    return machine.partition(".")[0] if is_name else machine
