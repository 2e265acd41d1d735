"""Where the jobs of a scenario come from: itself, the queue, or a command."""

from __future__ import annotations

import signal
import subprocess
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError, NotFound, PoolNotReady
from condor_mini.base.parallel import each
from condor_mini.base.signals import held_back
from condor_mini.base.waiting import wait_until
from condor_mini.chaos.jobs import Jobs
from condor_mini.jobs.access_points import running_access_points
from condor_mini.jobs.job_ads import COMPLETED, REMOVED
from condor_mini.jobs.submit import submit
from condor_mini.jobs.tools import JobName, queue_at
from condor_mini.nodes.node import Node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.chaos.scenario import Work
    from condor_mini.jobs.tracking import Submission
    from condor_mini.nodes.pool_nodes import PoolNodes

GRACE_S = 5.0
"""How long a command may take to end by itself: it gets a terminal's Ctrl-C as we do."""
END_TIMEOUT_S = 10.0
"""How long it may take to end after SIGTERM."""
SIGNAL_BASE = 128
_ENDING = (signal.SIGTERM, signal.SIGKILL)


class Submitted:
    """Jobs that the scenario submits."""

    def __init__(self, pool: PoolNodes) -> None:
        self._pool = pool
        self._submissions: list[Submission] = []

    def submit(self, works: Sequence[Work], progress: Progress) -> Jobs:
        """Submit the jobs, and return them; raises what ``Pool.submit`` raises."""
        for work in works:
            given = work.submit if isinstance(work.submit, str) else dict(work.submit)
            with held_back():  # what is submitted is known, or nobody would remove it
                self._submissions.append(
                    submit(
                        self._pool, given, work.count or 1, work.access_point, (), False, progress
                    )
                )
        return _of_submissions(self._submissions)

    def fetch(self, progress: Progress) -> None:
        """Copy what the jobs wrote back, as ``submit --wait`` does.

        What fails is said, with the command that tries again.
        """
        for one in self._submissions:
            try:
                for path in one.fetch():
                    progress.note(f"Fetched {path}")
            except CondorMiniError as failure:
                progress.note(str(failure))

    def remove(self) -> None:
        """Remove the jobs that are left, and their files in the access point.

        A schedd that does not answer keeps them.
        """
        for one in self._submissions:
            with suppress(CondorMiniError):
                one.remove()
                if one.staging is not None and not one.staging.is_removed:
                    one.staging.remove()


def _of_submissions(submissions: Sequence[Submission]) -> Jobs:
    nodes: dict[str, Node] = {}
    clusters: dict[str, list[int]] = {}
    expected = set()
    for one in submissions:
        node = one.runner
        assert isinstance(node, Node)  # noqa: S101 (a pool of nodes has access points)
        nodes[node.name] = node
        clusters.setdefault(node.name, []).extend(one.clusters)
        expected |= {(node.name, ad["ClusterId"], ad["ProcId"]) for ad in one.jobs()}
    where = {name: (node, _expression(clusters[name])) for name, node in nodes.items()}
    return Jobs(where=where, expected=frozenset(expected))


def _expression(clusters: Sequence[int]) -> str:
    return " || ".join(JobName(cluster=one, proc=None).constraint for one in sorted(clusters))


def queued_jobs(pool: PoolNodes, progress: Progress) -> Jobs:
    """Return the jobs that are in the queues now.

    Raises:
        NotFound: There is none.
        PoolNotReady: No access point runs, or a schedd does not answer.
    """
    points = running_access_points(pool, progress=progress)
    queues = each(lambda node: queue_at(node, ["-allusers"]), points)
    left = {
        node.name: (node, sorted(job for job, ad in queue.items() if ad.status not in _ENDED))
        for node, queue in zip(points, queues, strict=True)
    }
    where = {
        name: (node, _expression(sorted({cluster for cluster, _ in jobs})))
        for name, (node, jobs) in left.items()
        if jobs
    }
    if not where:
        raise NotFound(
            f"the pool {pool.name} has no jobs",
            hint="Submit some first, give the scenario a workload, or a command that submits them: "
            "condor-mini chaos run FILE -- COMMAND",
        )
    expected = frozenset((name, *job) for name, (_, jobs) in left.items() for job in jobs)
    return Jobs(where=where, expected=expected)


_ENDED = (REMOVED, COMPLETED)


def later_jobs(pool: PoolNodes, progress: Progress) -> Jobs:
    """Return the jobs that are submitted from now on.

    Raises:
        PoolNotReady: No access point runs, or its clock cannot be read.
    """
    points = running_access_points(pool, progress=progress)
    times = each(_next_second, points)
    return Jobs(
        where={
            node.name: (node, f"QDate >= {second}")
            for node, second in zip(points, times, strict=True)
        }
    )


def _next_second(node: Node) -> int:
    """Return the second that an access point's clock has just begun: QDate counts seconds."""
    before = _clock(node)
    wait_until(
        lambda: None if _clock(node) > before else f"the clock of {node.name} stands still",
        timeout_s=5,
        error=PoolNotReady,
    )
    return before + 1


def _clock(node: Node) -> int:
    return int(node.exec(["date", "+%s"]).stdout)


class Command:
    """A command of this machine that runs beside the faults."""

    def __init__(self, argv: Sequence[str], stdout: IO[str] | None) -> None:
        try:
            self._process = subprocess.Popen(argv, stdout=stdout)
        except OSError as error:
            raise NotFound(f"{argv[0]} cannot be run: {error.strerror}") from None

    @property
    def status(self) -> int | None:
        """The status that it ended with, as a shell's; None while it runs."""
        code = self._process.poll()
        return code if code is None or code >= 0 else SIGNAL_BASE - code

    def end(self) -> None:
        """Let it end by itself, and then with SIGTERM, and with SIGKILL if that is of no use."""
        for number, timeout_s in ((None, GRACE_S), *((n, END_TIMEOUT_S) for n in _ENDING)):
            if number is not None:
                self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
                return
