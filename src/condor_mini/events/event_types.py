"""The types of event in HTCondor's job event log, and which of them can be had.

The numbers and names are those of ``ULogEventNumber`` (src/condor_utils/condor_event.h) and of
``htcondor2.JobEventType``. What is said of each is what HTCondor 25's sources do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from condor_mini.base.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class EventType:
    """A type of event."""

    number: int
    name: str
    """The name in ``JobEventType``, ``JOB_RECONNECT_FAILED``, in the form of a class."""
    made_by: str = ""
    """What is done to produce it; ``recipes.py`` has how."""
    why_not: str = ""
    """Why it cannot be had. Empty if it can."""
    series: int = 0
    """The first series of HTCondor that writes it. 0 for all."""

    @property
    def code(self) -> str:
        """The number as it stands in a log: ``024``."""
        return f"{self.number:03}"

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    def to_json(self) -> dict[str, object]:
        """Return the type for programs: docs/reference/json.md."""
        return {
            "number": self.number,
            "name": self.name,
            "made_by": self.made_by or None,
            "why_not": self.why_not or None,
            "series": self.series or None,
        }


_GLOBUS = "grid jobs of Globus, which HTCondor no longer has"
_GRID = "only a job of the grid universe has it, and the pool has no other system to hand it to"
_PARALLEL = "only a job of the parallel universe has it, which needs a dedicated scheduler"
_REUSE = "a starter writes it into use.log of its DATA_REUSE_DIRECTORY, never into the log of a job"

_MADE = (
    (0, "Submit", "A job is submitted."),
    (1, "Execute", "A job is started."),
    (4, "JobEvicted", "condor_vacate_job -fast of a running job (fault evict)."),
    (5, "JobTerminated", "A job runs to its end."),
    (6, "ImageSize", "A job runs to its end: the starter reports its size then."),
    (
        7,
        "ShadowException",
        "A job has a text where the shadow expects a list (TransferQueueInputList).",
    ),
    (8, "Generic", "A job calls condor_chirp ulog."),
    (9, "JobAborted", "condor_rm of a job (fault remove)."),
    (10, "JobSuspended", "condor_suspend of a running job."),
    (11, "JobUnsuspended", "condor_suspend and condor_continue of a running job."),
    (12, "JobHeld", "condor_hold of a job (fault hold)."),
    (13, "JobReleased", "condor_hold and condor_release (faults hold and release)."),
    (16, "PostScriptTerminated", "A DAG of one node has a POST script: see its .nodes.log."),
    (21, "RemoteError", "A job does not write an output file that it promises."),
    (22, "JobDisconnected", "SIGKILL to the starter of a running job (fault kill-starter)."),
    (
        23,
        "JobReconnected",
        "condor_off and condor_on of the schedd: all of its running jobs reconnect (fault stop).",
    ),
    (
        24,
        "JobReconnectFailed",
        "SIGKILL to the starter of a running job that has no lease (fault kill-starter).",
    ),
    (28, "JobAdInformation", "A job asks for it with job_ad_information_attrs."),
    (33, "AttributeUpdate", "condor_prio of a job."),
    (34, "Preskip", "The PRE script of a DAG's node exits with its PRE_SKIP: see the .nodes.log."),
    (35, "ClusterSubmit", "A cluster with max_materialize is submitted."),
    (36, "ClusterRemove", "condor_rm of a cluster with max_materialize."),
    (37, "FactoryPaused", "condor_hold of a cluster with max_materialize."),
    (38, "FactoryResumed", "condor_hold and condor_release of a cluster with max_materialize."),
    (40, "FileTransfer", "A job whose files are transferred is started."),
    (46, "DataflowJobSkipped", "A job with skip_if_dataflow has an output that is up to date."),
    (47, "CommonFiles", "A job has CommonInputFiles. HTCondor 25 only."),
)
_SINCE = {47: 25}
_NOT_MADE = (
    (2, "ExecutableError", "HTCondor no longer writes it: a bad program is event 021 and a hold"),
    (3, "Checkpointed", "only the vm universe writes it; self-checkpointing jobs leave event 040"),
    (14, "NodeExecute", _PARALLEL),
    (15, "NodeTerminated", _PARALLEL),
    (17, "GlobusSubmit", _GLOBUS),
    (18, "GlobusSubmitFailed", _GLOBUS),
    (19, "GlobusResourceUp", _GLOBUS),
    (20, "GlobusResourceDown", _GLOBUS),
    (25, "GridResourceUp", _GRID),
    (26, "GridResourceDown", _GRID),
    (27, "GridSubmit", _GRID),
    (29, "JobStatusUnknown", _GRID),
    (30, "JobStatusKnown", _GRID),
    (31, "JobStageIn", _GRID),
    (32, "JobStageOut", _GRID),
    (39, "None", "it is what a reader returns that has waited in vain; no log has it"),
    (41, "ReserveSpace", _REUSE),
    (42, "ReleaseSpace", _REUSE),
    (43, "FileComplete", _REUSE),
    (44, "FileUsed", _REUSE),
    (45, "FileRemoved", _REUSE),
)

EVENT_TYPES: dict[int, EventType] = {
    one.number: one
    for one in sorted(
        (
            *(
                EventType(number=n, name=name, made_by=text, series=_SINCE.get(n, 0))
                for n, name, text in _MADE
            ),
            *(EventType(number=n, name=name, why_not=text) for n, name, text in _NOT_MADE),
        ),
        key=lambda one: one.number,
    )
}
"""Every type that a job's log could have, by its number."""


def event_type(which: int | str) -> EventType:
    """Return the type of that number (``24``, ``"024"``) or name.

    Names are those of HTCondor in any of their forms: ``JobReconnectFailedEvent``,
    ``ULOG_JOB_RECONNECT_FAILED``, ``ReconnectFailed``.

    Raises:
        UsageError: There is no such type.
    """
    if re.fullmatch(r"[0-9]{1,3}", str(which), re.ASCII) and int(which) in EVENT_TYPES:
        return EVENT_TYPES[int(which)]
    named = {_key(one.name): one for one in EVENT_TYPES.values()}
    key = _key(str(which))
    if key in named:
        return named[key]
    likely = get_close_matches(key, named, n=1)
    raise UsageError(
        f"there is no event {which}{f'; did you mean {named[likely[0]]}?' if likely else ''}",
        hint="See all: condor-mini event list",
    )


def _key(name: str) -> str:
    letters = re.sub(r"[^a-z]", "", name.lower())
    letters = letters.removeprefix("ulog").removeprefix("job").removesuffix("event")
    return "released" if letters == "release" else letters
