"""Submit jobs to a pool from this machine, and find the submissions again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base import archives
from condor_mini.base.errors import CondorMiniError, NotFound, UsageError
from condor_mini.base.progress import Progress
from condor_mini.base.signals import held_back
from condor_mini.jobs import arguments as arguments_of_submit
from condor_mini.jobs import dry_run, tracking
from condor_mini.jobs.access_points import running_access_point
from condor_mini.jobs.job_ads import COMPLETED, REMOVED, STAGING_ATTRIBUTE
from condor_mini.jobs.packing import listed
from condor_mini.jobs.runners import answer
from condor_mini.jobs.staging import Staging, source_directory
from condor_mini.jobs.tracking import FOREVER_S, Submission
from condor_mini.lifecycle.ready import Deadline
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from os import PathLike

    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

_SILENT = Progress()
_SUBMIT_FILE = "job.sub"
UNENDED = f"JobStatus =!= {REMOVED} && JobStatus =!= {COMPLETED}"


def submit(
    pool: PoolNodes,
    job: str | PathLike[str] | Mapping[str, str],
    count: int,
    node: str | None,
    arguments: Sequence[str],
    follow_links: bool,
    progress: Progress,
) -> Submission:
    """Submit a submit file, or jobs from submit commands; see ``Pool.submit``."""
    if isinstance(job, Mapping):
        return submit_description(pool, job, count=count, node=node)
    return submit_file(
        pool,
        Path(job),
        node=node,
        arguments=arguments,
        follow_links=follow_links,
        progress=progress,
    )


def submit_file(
    pool: PoolNodes,
    file: str | Path,
    *,
    node: str | None = None,
    arguments: Sequence[str] = (),
    follow_links: bool = False,
    progress: Progress = _SILENT,
) -> Submission:
    """Submit a submit file of this machine. Its whole directory is copied to the access point.

    Symbolic links in the directory stay links. Links that lead out of it are reported and not
    followed, because nothing distinguishes a link of the caller's own from one that a job left.

    Args:
        pool: Pool to submit to.
        file: Path of the submit file.
        node: Name of the access point. None for the first.
        arguments: Arguments of condor_submit: ``-append``, ``X=1``.
        follow_links: Also copy the targets of links that lead out of the directory.
        progress: Receives the phases, and what is not copied.

    Raises:
        NotFound: There is no such file, pool or access point.
        UsageError: The directory is too large, or the submit file names a file outside it.
        JobFailed: condor_submit refused the submit file. The error has its output and status.
    """
    arguments_of_submit.check(arguments, pool.name)
    file = Path(file)
    directory = source_directory(file)
    directory.follow_links = follow_links
    access_point = running_access_point(pool, node)
    staging: Staging | None = None
    try:
        with progress.step(f"Copying {directory.path}", done=f"Copied {directory.path}"):
            staging = Staging.of_directory(access_point, directory)
        for reason in directory.skipped:
            progress.note(f"Not copied: {archives.shown(reason)}")
        if directory.outside:
            links = listed([f"{name} -> {to}" for name, to in directory.outside.items()])
            progress.note(
                f"Copied as links that lead out of the directory: {links}. "
                "Copy their targets too: --follow-links"
            )
        dry_run.check_paths(staging, file.name, arguments, outside=directory.outside)
        submission = _submit(pool, staging, file.name, arguments)
    except BaseException:
        _undo(staging)
        raise
    if not submission.clusters:  # -dump FILE, for example
        for path in staging.fetch(last=True):
            progress.note(f"Fetched {archives.shown(str(path))}")
    return submission


def submit_description(
    pool: PoolNodes, description: Mapping[str, str], *, count: int = 1, node: str | None = None
) -> Submission:
    """Submit jobs from submit commands, as ``htcondor2.Submit`` takes them.

    The jobs read and write files of the access point, in a directory of their own.
    ``Submission.read`` returns what they wrote.

    Args:
        pool: Pool to submit to.
        description: Submit commands: ``{"executable": "/bin/true"}``.
        count: Number of jobs.
        node: Name of the access point. None for the first.

    Raises:
        UsageError: A key is not a submit command, or a value has several lines.
        JobFailed: condor_submit refused the jobs. The error has its output and status.
    """
    text = description_text(description, count)
    staging = Staging.planned(running_access_point(pool, node))
    try:
        return _submit(pool, staging, _SUBMIT_FILE, text=text)
    except BaseException:
        _undo(staging)
        raise


def description_text(description: Mapping[str, str], count: int) -> str:
    """Return the text of a submit file that has these commands and queues ``count`` jobs.

    Raises:
        UsageError: ``count`` is less than 1, or condor_submit would read a key or a value as
            something else.
    """
    if count < 1:
        raise UsageError(f"the number of jobs must be at least 1, not {count}")
    lines = []
    for key, value in description.items():
        text = str(value)
        if not re.fullmatch(r"\+?[A-Za-z_][\w.]*", key) or key.lower() == "queue":
            raise UsageError(f"{key!r} is not a submit command")
        if "\n" in text or "\r" in text or text.endswith("\\"):
            raise UsageError(f"{key}: the value continues on another line: {text!r}")
        lines.append(f"{key} = {text}\n")
    return "".join(lines) + f"queue {count}\n"


def submissions(
    pool: PoolNodes,
    clusters: Collection[int] = (),
    *,
    node: str | None = None,
    unfetched: bool = True,
) -> list[Submission]:
    """Return the submissions of these clusters, or of all clusters that have not ended.

    Args:
        pool: Pool to search.
        clusters: Numbers of clusters. Each access point has numbers of its own. Empty for all that
            have not ended.
        node: Name of the one access point to search. None for all.
        unfetched: Without ``clusters``, also return the ended ones whose results are still to be
            fetched.

    Raises:
        NotFound: A cluster is neither in a queue nor in a history.
        PoolNotReady: An access point does not run.
    """
    found: list[Submission] = []
    for access_point in _access_points(pool, node):
        by_staging: dict[str, set[int]] = {}
        for cluster, staging in _clusters(access_point, clusters, unfetched=unfetched):
            by_staging.setdefault(staging, set()).add(cluster)
        found += [
            _submission(pool, access_point, sorted(numbers), staging)
            for staging, numbers in by_staging.items()
        ]
    missing = set(clusters) - {cluster for one in found for cluster in one.clusters}
    if missing:
        named = ", ".join(map(str, sorted(missing)))
        raise NotFound(
            f"the pool {pool.name} knows no job of cluster {named}",
            hint=f"List the queue: condor-mini exec -n {pool.name} -- condor_q -allusers",
        )
    return found


def wait_for_all(
    pool: PoolNodes,
    clusters: Collection[int] = (),
    *,
    timeout_s: float = FOREVER_S,
    on_change: Callable[[str], object] | None = None,
) -> int:
    """Wait until these clusters have ended, or until all queues are empty if none are given.

    Args:
        pool: Pool to search.
        clusters: Numbers of clusters.
        timeout_s: Give up after so many seconds.
        on_change: Receives the number of jobs in each state whenever the queues are queried.

    Returns:
        0, or the first status of a job that is not 0; see ``Submission.wait``.

    Raises:
        NotFound: There is no such cluster.
        JobFailed: A job was put on hold or removed.
        PoolNotReady: ``timeout_s`` has passed.
    """
    deadline = Deadline(timeout_s)
    status = 0
    while found := submissions(pool, clusters, unfetched=False):
        ended = tracking.wait(found, timeout_s=round(deadline.left_s, 1), on_change=on_change)
        status = status or ended
        if clusters:
            break
    return status


def _submit(
    pool: PoolNodes,
    staging: Staging,
    file: str,
    arguments: Sequence[str] = (),
    text: str | None = None,
) -> Submission:
    # After an interrupt here, it would be unknown which jobs are in the queue.
    with held_back():
        submission = tracking.submit(
            staging.node, staging.path, file, arguments=arguments, staging=staging, text=text
        )
    return _with_hint(pool, staging.node, submission)


def _undo(staging: Staging | None) -> None:
    """Remove the jobs and the copy of a submission that failed."""
    if staging is None:
        return
    with held_back(), suppress(CondorMiniError):
        mine = f'{STAGING_ATTRIBUTE} == "{staging.name}"'
        staging.node.exec(["condor_rm", "-constraint", mine])
        staging.remove()


def _access_points(pool: PoolNodes, name: str | None) -> list[Node]:
    if name is not None:
        return [running_access_point(pool, name)]
    first = running_access_point(pool, None)
    return [node for node in pool.nodes if node.role.acts_as(Role.ACCESS_POINT)] or [first]


def _clusters(node: Node, wanted: Collection[int], *, unfetched: bool) -> Iterator[tuple[int, str]]:
    """Yield each cluster at this access point, with the ``CondorMiniStaging`` of its ads."""
    names = ["-af", "ClusterId", STAGING_ATTRIBUTE]
    numbers = [str(cluster) for cluster in wanted]
    if wanted:
        output = answer(node, ["condor_q", "-allusers", *numbers, *names])
        output += answer(node, ["condor_history", *numbers, *names])
    else:
        copies = ",".join(Staging.unfetched(node)) if unfetched else ""
        mine = f'stringListMember({STAGING_ATTRIBUTE}, "{copies}") =?= true'
        # A removed job may stay in the queue for a while before it is in the history.
        output = answer(
            node, ["condor_q", "-allusers", "-constraint", f"({UNENDED}) || {mine}", *names]
        )
        if copies:
            output += answer(node, ["condor_history", "-constraint", mine, *names])
    pairs = {tuple(line.split(maxsplit=1)) for line in output.splitlines()}
    for cluster, staging in sorted(pairs):
        yield int(cluster), "" if staging == "undefined" else staging


def _submission(pool: PoolNodes, node: Node, clusters: Sequence[int], staging: str) -> Submission:
    found = Staging.find(node, staging) if staging else None
    return _with_hint(pool, node, Submission(runner=node, clusters=tuple(clusters), staging=found))


def _with_hint(pool: PoolNodes, node: Node, submission: Submission) -> Submission:
    run = f"condor-mini exec -n {pool.name} --node {node.name} --"
    numbers = " ".join(map(str, submission.clusters))
    return replace(
        submission,
        hint_if_held=f"It stays in the queue. Release it: {run} condor_release {numbers}. "
        f"Remove it: {run} condor_rm {numbers}",
    )
