"""``Events``: the events of job event logs, produced on demand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from condor_mini.base.errors import UsageError
from condor_mini.base.progress import Progress
from condor_mini.events.event_types import event_type
from condor_mini.events.recipes import RECIPES
from condor_mini.events.trial import Trial
from condor_mini.jobs.access_points import running_access_point
from condor_mini.lifecycle.ready import Deadline

if TYPE_CHECKING:
    from condor_mini.events.event_types import EventType
    from condor_mini.nodes.pool_nodes import PoolNodes

_SILENT = Progress()
TIMEOUT_S = 60.0
"""Each event comes in less than 10 s if a slot is free."""


@dataclass(frozen=True, kw_only=True)
class MadeEvent:
    """An event that HTCondor has written."""

    type: EventType
    job: str
    """The id of the job that was submitted for it."""
    access_point: str
    """The name of the node whose schedd has the job."""
    log: str
    """The path of the log in the access point. It exists no more, unless the job is kept."""
    text: str
    """The event as it stood there."""
    ad: dict[str, Any]
    """Its ClassAd, as HTCondor's own reader prints it."""

    def to_json(self) -> dict[str, object]:
        """Return the event for programs: docs/reference/json.md."""
        return {
            "number": self.type.number,
            "name": self.type.name,
            "job": self.job,
            "access_point": self.access_point,
            "log": self.log,
            "text": self.text,
            "ad": self.ad,
        }


class Events:
    """The events of a pool: ``pool.events``."""

    def __init__(self, pool: PoolNodes) -> None:
        self._pool = pool

    def make(
        self,
        which: int | str,
        *,
        node: str | None = None,
        keep_job: bool = False,
        timeout_s: float = TIMEOUT_S,
        progress: Progress = _SILENT,
    ) -> MadeEvent:
        """Produce an event: submit a job, do to it what HTCondor writes that event for.

        The job is removed afterwards, whatever happens.

        Args:
            which: Number or name of the event: ``24``, ``"024"``, ``"ReconnectFailed"``.
            node: Name of the access point. None for the first.
            keep_job: Leave the job in the queue, or in the history, and its log where it is.
            timeout_s: Give up after so many seconds.
            progress: Receives which job was submitted, and how long the event took.

        Raises:
            UsageError: There is no such event, or it cannot be had; says why.
            NotFound: There is no such access point.
            PoolNotReady: The event has not come in time, or the pool does not run.
            JobFailed: condor_submit refused the job.
            CommandFailed: One of HTCondor's tools failed.
        """
        wanted = event_type(which)
        if wanted.why_not:
            raise UsageError(f"event {wanted} cannot be had: {wanted.why_not}")
        access_point = running_access_point(self._pool, node)
        if int(access_point.series) < wanted.series:
            raise UsageError(
                f"event {wanted} cannot be had: HTCondor {wanted.series} writes it, and "
                f"{access_point.name} has {access_point.series}"
            )
        recipe = RECIPES[wanted.number]
        deadline = Deadline(timeout_s)
        with Trial(self._pool, access_point, recipe.job, deadline, keep=keep_job) as trial:
            progress.note(f"Submitted {recipe.job} to {trial.node.name}: job {trial.job}")
            with progress.step(f"Event {wanted}: {wanted.made_by}", done=f"Event {wanted}"):
                recipe.act(trial)
                text = trial.await_event(wanted.code)
            return MadeEvent(
                type=wanted,
                job=trial.job,
                access_point=trial.node.name,
                log=trial.path,
                text=text,
                ad=trial.ad(wanted.number),
            )
