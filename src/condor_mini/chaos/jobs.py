"""The jobs of a scenario: looked at while they run, and accounted for at the end."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Self

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.parallel import each
from condor_mini.base.signals import start_thread
from condor_mini.jobs.holds import held_for_good
from condor_mini.jobs.job_ads import COMPLETED, HELD, REMOVED, STATES
from condor_mini.jobs.runners import answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from condor_mini.engine import CommandResult
    from condor_mini.nodes.node import Node

LOOK_INTERVAL_S = 0.5
MOST_LOAD = 4
"""A pause is at least so many times as long as the look before it."""
LOOK_TIMEOUT_S = 10.0
"""A schedd that is struck may not answer; the next look asks again."""
NONE = "false"
_RUN = "JobCurrentStartDate"
"""When the run that ended had begun. A schedd that reconnects to a job leaves it as it is:
``add_shadow_birthdate`` in schedd.cpp."""
_ATTRIBUTES = (
    *("ClusterId", "ProcId", "JobStatus", "ExitCode", "ExitBySignal", "ExitSignal"),
    *("NumJobStarts", "NumHolds", "HoldReason", "RemoveReason"),
    _RUN,
)
_ATTRIBUTES_OF_LOOK = ("ClusterId", "ProcId", "JobStatus", "HoldReasonCode", "PeriodicRelease")
LOST = "lost"
"""The state of a job that was submitted, and is neither in the queue nor in the history."""


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """What became of a job."""

    access_point: str
    cluster: int
    proc: int
    state: str
    """``completed``, ``held``, ``removed``, ...: see ``QueuedJob.state``; or ``lost``."""
    exit_code: int | None
    exit_signal: int | None
    starts: int
    """How many times it was started (NumJobStarts)."""
    holds: int
    """How many times it was held (NumHolds)."""
    reason: str | None
    """Why it is held or was removed."""
    entries: int = 1
    """Of how many runs it has an entry in the history: 1, if it has ended once.

    A schedd writes the entry before it takes the job out of its queue (qmgmt.cpp, ``DestroyProc``).
    One that is killed in between writes another entry of the same run when it is back, perhaps with
    a later CompletionDate.
    """

    @property
    def id(self) -> str:
        """The job's id: ``3.0``."""
        return f"{self.cluster}.{self.proc}"

    @property
    def is_whole(self) -> bool:
        """Whether it has completed once, with exit code 0."""
        return (self.state, self.exit_code, self.entries) == (STATES[COMPLETED], 0, 1)

    @property
    def outcome(self) -> str:
        """What became of it, in words that are the same for jobs of the same fate."""
        words = [self.state]
        if self.exit_signal is not None:
            words.append(f"by signal {self.exit_signal}")
        elif self.exit_code is not None:
            words.append(f"exit {self.exit_code}")
        if self.starts > 1:
            words.append(f"{self.starts} starts")
        if self.holds:
            words.append(f"held {self.holds} times" if self.holds > 1 else "held once")
        if self.entries > 1:
            words.append(f"ended {self.entries} times")
        return ", ".join(words) + (f": {self.reason}" if self.reason else "")

    def to_json(self) -> dict[str, object]:
        """Return the job for programs: docs/reference/json.md."""
        return {
            "access_point": self.access_point,
            "cluster": self.cluster,
            "proc": self.proc,
            "state": self.state,
            "exit_code": self.exit_code,
            "exit_signal": self.exit_signal,
            "starts": self.starts,
            "holds": self.holds,
            "reason": self.reason,
            "entries": self.entries,
        }


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """Jobs in the queues of a pool, by access point."""

    where: Mapping[str, tuple[Node, str]]
    """Each access point's name with its node, and the ClassAd expression of its jobs."""
    expected: frozenset[tuple[str, int, int]] | None = None
    """Access point, cluster and process of each job; None if others may still be submitted."""

    def expression(self, access_point: Node) -> str:
        """Return the ClassAd expression that is true for the jobs of an access point."""
        return self.where[access_point.name][1] if access_point.name in self.where else NONE

    def queued(self) -> dict[str, list[dict[str, Any]]]:
        """Return the ads of the jobs that are in the queues, by access point; one look.

        Raises:
            CondorMiniError: A schedd does not answer within ``LOOK_TIMEOUT_S``.
        """
        return {name: self._look(node, which) for name, (node, which) in self.where.items()}

    @staticmethod
    def _look(node: Node, which: str) -> list[dict[str, Any]]:
        argv = _tool("condor_q", which, _ATTRIBUTES_OF_LOOK)
        result = node.exec(argv, user="root", timeout_s=LOOK_TIMEOUT_S)
        if result.returncode != 0:
            raise CondorMiniError(f"{node.name}: {result.stderr.strip()}")
        ads: list[dict[str, Any]] = json.loads(result.stdout or "[]")
        return ads

    def results(self) -> list[JobResult]:
        """Return what became of each job, in the order of access points and ids.

        Raises:
            PoolNotReady: A schedd does not answer.
        """
        found = each(lambda point: self._results(*point), self.where.values())
        jobs = {(job.access_point, job.cluster, job.proc): job for some in found for job in some}
        lost = (self.expected or frozenset()) - jobs.keys()
        jobs |= {job: _lost(*job) for job in lost}
        return [jobs[job] for job in sorted(jobs)]

    @staticmethod
    def _results(node: Node, which: str) -> list[JobResult]:
        runner = _AsRoot(node)
        # The queue first, because a job is in the history before it leaves the queue.
        queued, ended = (
            json.loads(answer(runner, _tool(tool, which, _ATTRIBUTES)) or "[]")
            for tool in ("condor_q", "condor_history")
        )
        runs = {(ad["ClusterId"], ad["ProcId"], ad.get(_RUN)) for ad in ended}
        entries = Counter((cluster, proc) for cluster, proc, _ in runs)
        by_job = {(ad["ClusterId"], ad["ProcId"]): ad for ad in (*queued, *ended)}
        return [_result(node.name, ad, entries[job] or 1) for job, ad in by_job.items()]


def _tool(name: str, which: str, attributes: Sequence[str]) -> list[str]:
    users = ["-allusers"] if name == "condor_q" else []
    return [name, *users, "-constraint", which, "-json", "-attributes", ",".join(attributes)]


@dataclass(frozen=True)
class _AsRoot:
    """Runs HTCondor's tools on a node as root, who sees the jobs of all users."""

    node: Node

    def exec(
        self, argv: Sequence[str], *, workdir: str | None = None, timeout_s: float = 60.0
    ) -> CommandResult:
        return self.node.exec(argv, user="root", workdir=workdir, timeout_s=timeout_s)


def _result(access_point: str, ad: Mapping[str, Any], entries: int) -> JobResult:
    state = ad["JobStatus"]
    by_signal = bool(ad.get("ExitBySignal"))
    ended = state == COMPLETED
    return JobResult(
        access_point=access_point,
        cluster=ad["ClusterId"],
        proc=ad["ProcId"],
        state=STATES.get(state, str(state)),
        exit_code=ad.get("ExitCode") if ended and not by_signal else None,
        exit_signal=ad.get("ExitSignal") if ended and by_signal else None,
        starts=ad.get("NumJobStarts", 0),
        holds=ad.get("NumHolds", 0),
        reason={HELD: ad.get("HoldReason"), REMOVED: ad.get("RemoveReason")}.get(state),
        entries=entries,
    )


def _lost(access_point: str, cluster: int, proc: int) -> JobResult:
    return JobResult(
        access_point=access_point,
        cluster=cluster,
        proc=proc,
        state=LOST,
        exit_code=None,
        exit_signal=None,
        starts=0,
        holds=0,
        reason="it is neither in the queue nor in the history",
        entries=0,
    )


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a look at the queues has shown."""

    left: int
    """Number of jobs that have not ended."""
    states: str
    """How many are in which state."""
    stay_held: bool
    """Whether all of these are held, and nothing releases them by itself."""


class JobWatch:
    """Looks at the jobs in a thread of its own: a schedd that is struck may not answer for long."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._stop = Event()
        self._thread = Thread(target=self._run, name="condor-mini chaos", daemon=True)
        self.latest: Look | None = None
        """What the last look that was answered has shown."""
        self.problem = ""
        """Why the last look has failed; empty if it has not."""

    def __enter__(self) -> Self:
        start_thread(self._thread)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(LOOK_TIMEOUT_S)

    def _run(self) -> None:
        pause_s = 0.0
        while not self._stop.wait(pause_s):
            began = time.monotonic()
            try:
                self.latest = self._look()
                self.problem = ""
            except (CondorMiniError, ValueError) as failure:  # ValueError: half an answer
                self.problem = str(failure)
            pause_s = max(LOOK_INTERVAL_S, MOST_LOAD * (time.monotonic() - began))

    def _look(self) -> Look:
        queues = self._jobs.queued()
        left = {
            name: [ad for ad in ads if ad["JobStatus"] not in (REMOVED, COMPLETED)]
            for name, ads in queues.items()
        }
        ads = [ad for some in left.values() for ad in some]
        states = Counter(STATES.get(ad["JobStatus"], str(ad["JobStatus"])) for ad in ads)
        return Look(
            left=len(ads),
            states=", ".join(f"{count} {state}" for state, count in sorted(states.items())),
            stay_held=bool(ads)
            and all(ad["JobStatus"] == HELD for ad in ads)
            and all(self._stay(name, some) for name, some in left.items() if some),
        )

    def _stay(self, access_point: str, ads: list[dict[str, Any]]) -> bool:
        node, _ = self._jobs.where[access_point]
        return len(held_for_good(_AsRoot(node), ads)) == len(ads)  # type: ignore[arg-type]
