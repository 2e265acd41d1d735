"""A job that an event is to befall: submitted, followed by its log, and removed."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from importlib import resources
from typing import TYPE_CHECKING, Any, Self

from condor_mini.base.errors import (
    CommandFailed,
    CondorMiniError,
    JobFailed,
    PoolNotReady,
    TimedOut,
)
from condor_mini.base.signals import held_back
from condor_mini.base.waiting import wait_until
from condor_mini.faults.faults import Faults
from condor_mini.jobs import tracking
from condor_mini.jobs.job_ads import STAGING_ATTRIBUTE
from condor_mini.jobs.runners import answer
from condor_mini.jobs.staging import Staging
from condor_mini.jobs.tracking import Submission

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.lifecycle.ready import Deadline
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

LOG = "events.log"
"""The log that the submit files in ``jobs`` name."""
POLL_INTERVAL_S = 0.2
PATIENCE_S = 3.0
"""How long to wait until a removed job leaves the queue by itself."""
REMOVE_TIMEOUT_S = 10.0
"""How long after that."""
_HEAD = re.compile(r"\d{3} \(")
_END = re.compile(r"(?m)^\.\.\.\n")


class Trial:
    """A job in a directory of its own in an access point. As a context manager it is cleaned up."""

    def __init__(
        self,
        pool: PoolNodes,
        node: Node,
        file: str,
        deadline: Deadline,
        *,
        keep: bool = False,
    ) -> None:
        """Submit the job; raises ``JobFailed`` if condor_submit refuses it."""
        self.pool = pool
        self.faults = Faults(pool)
        self.node = node
        """The access point."""
        self.deadline = deadline
        self.log = f"{file}.nodes.log" if file.endswith(".dag") else LOG
        """The name of its log."""
        self.afterwards: Callable[[], object] = lambda: None
        """What is done when the job has been removed."""
        self._keep = keep
        text = (resources.files(__package__) / "jobs" / file).read_text("utf-8")
        with held_back():  # after an interrupt here, it would be unknown which job is in the queue
            self._staging = Staging.of_text(self.node, file, text)
            try:
                self.submission = _submit(self._staging, file)
            except BaseException:
                with suppress(CondorMiniError):
                    self._staging.remove()
                raise

    @property
    def cluster(self) -> str:
        """The number of its cluster."""
        return str(self.submission.clusters[0])

    @property
    def job(self) -> str:
        """The id of the first job."""
        return f"{self.cluster}.0"

    @property
    def path(self) -> str:
        """The path of its log in the access point."""
        return f"{self._staging.path}/{self.log}"

    def run(self, *argv: str) -> None:
        """Run one of HTCondor's tools as the ordinary user; raises ``CommandFailed``."""
        result = self.node.exec(argv)
        if result.returncode != 0:
            raise CommandFailed(argv, result.returncode, result.stderr or result.stdout)

    def events(self) -> list[str]:
        """Return the events in the log, as they stand there. The last one may be incomplete."""
        blocks = _END.split(self.node.exec(["cat", "--", self.path]).stdout)
        return [block for block in blocks[:-1] if _HEAD.match(block)]

    def ad(self, number: int) -> dict[str, Any]:
        """Return the first event of that number in the log as a ClassAd, in JSON.

        Raises:
            CommandFailed: condor_wait, which reads the log, finds none.
        """
        argv = ["condor_wait", "-echo:JSON", "-allevents", "-wait", "0", self.path]
        result = self.node.exec(argv)  # its status says whether all jobs have ended
        text, place = result.stdout, 0
        decoder = json.JSONDecoder()
        with suppress(ValueError):
            while (place := text.find("{", place)) >= 0:
                ad, place = decoder.raw_decode(text, place)
                if ad.get("EventTypeNumber") == number:
                    return dict(ad)
        raise CommandFailed(argv, result.returncode, result.stderr or result.stdout)

    def await_event(self, code: str) -> str:
        """Wait until the log has an event of that number, and return the first one.

        Raises:
            PoolNotReady: The deadline has passed. The message has what the log has instead.
        """
        found = ""

        def absent() -> str | None:
            nonlocal found
            events = self.events()
            found = next((event for event in events if event.startswith(f"{code} (")), "")
            last = events[-1].splitlines()[0] if events else "nothing"
            return None if found else f"the last event of job {self.job} is: {last}"

        try:
            wait_until(
                absent,
                timeout_s=self.deadline.left_s,
                interval_s=POLL_INTERVAL_S,
                error=PoolNotReady,
                headline=f"event {code} has not come",
            )
        except PoolNotReady as failure:
            failure.hint = f"See why: condor-mini doctor -n {self.node.pool}"
            raise
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if self._keep and error is None:
            return
        with held_back():
            try:
                self._remove()
                self.afterwards()
            except CondorMiniError as failure:
                if error is None:
                    raise
                error.add_note(f"job {self.job} could not be removed: {failure}")

    def _remove(self) -> None:
        """Remove the job and its directory.

        The job writes its last events before it leaves the queue, and would bring its log back.
        """
        self.node.exec(["condor_rm", self.cluster])

        def queued() -> str | None:
            found = answer(self.node, ["condor_q", "-allusers", self.cluster, "-af", "JobStatus"])
            if found.strip():
                return f"job {self.job} is still in the queue"
            heads = {event[:3] for event in self.events()}
            # The schedd forgets a cluster with a factory a moment after its last job.
            left = "035" in heads and "036" not in heads
            return f"cluster {self.cluster} is still in the queue" if left else None

        try:
            wait_until(queued, timeout_s=PATIENCE_S, interval_s=POLL_INTERVAL_S)
        except TimedOut:  # its shadow looks for its starter, and does so again in 8 s
            self.node.exec(["condor_rm", "-forcex", self.cluster])
            with suppress(TimedOut):
                wait_until(queued, timeout_s=REMOVE_TIMEOUT_S, interval_s=POLL_INTERVAL_S)
        self._staging.remove()


def _submit(staging: Staging, file: str) -> Submission:
    if not file.endswith(".dag"):
        return tracking.submit(staging.node, staging.path, file, staging=staging)
    mark = f'MY.{STAGING_ATTRIBUTE} = "{staging.name}"'
    argv = ["condor_submit_dag", "-append", mark, file]
    result = staging.node.exec(argv, workdir=staging.path)
    if result.returncode != 0:
        raise JobFailed(
            f"condor_submit_dag {file}: {result.stderr.strip() or result.stdout.strip()}",
            status=result.returncode,
        )
    return Submission(
        runner=staging.node, clusters=tracking.clusters_in(result.stdout), staging=staging
    )
