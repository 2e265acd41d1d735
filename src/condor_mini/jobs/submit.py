"""Submitting to a pool from this machine, and finding again what was submitted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base import archives
from condor_mini.base.errors import CondorMiniError, NotFound, PoolNotReady, UsageError
from condor_mini.base.progress import Progress
from condor_mini.base.signals import held_back
from condor_mini.base.waiting import wait_until
from condor_mini.jobs import dry_run, tracking
from condor_mini.jobs.packing import listed
from condor_mini.jobs.staging import Staging, source_directory
from condor_mini.jobs.tracking import (
    COMPLETED,
    FOREVER_S,
    REMOVED,
    SCHEDD_TIMEOUT_S,
    STAGING_ATTRIBUTE,
    Submission,
)
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
    """Submit a submit file of this machine; the whole directory that it is in goes along.

    Symbolic links in it stay links. Those that lead out of the directory are told, as nobody can
    tell one of the caller's own from one that a job has left there.

    Args:
        pool: Where.
        file: The submit file.
        node: The access point; None for the first.
        arguments: condor_submit's own: ``-append``, ``X=1``.
        follow_links: Also take along what links lead to outside the directory.
        progress: Told of what does not go along.

    Raises:
        NotFound: There is no such file, pool or access point.
        UsageError: The directory is too large, or the submit file names what is not in it.
        JobFailed: condor_submit refused it; its own words and status.
    """
    if refused := {"-i", "-interactive"} & set(arguments):
        raise UsageError(
            f"{refused.pop()} needs a terminal in the pool",
            hint=f"condor-mini shell -n {pool.name}, and condor_submit -i there",
        )
    file = Path(file)
    directory = source_directory(file)
    directory.follow_links = follow_links
    access_point = _access_point(pool, node)
    staging: Staging | None = None
    try:
        with progress.step(f"Copying {directory.path}", done=f"Copied {directory.path}"):
            staging = Staging.of_directory(access_point, directory)
        for reason in directory.skipped:
            progress.note(f"Not copied: {archives.shown(reason)}")
        if directory.outside:
            links = listed([f"{name} -> {to}" for name, to in directory.outside.items()])
            progress.note(
                f"Copied as links, which lead out of the directory: {links}. "
                "To copy what they lead to: --follow-links"
            )
        dry_run.check_paths(staging, file.name, arguments, outside=directory.outside)
        return _submit(pool, staging, file.name, arguments)
    except BaseException:
        _undo(staging)
        raise


def submit_description(
    pool: PoolNodes, description: Mapping[str, str], *, count: int = 1, node: str | None = None
) -> Submission:
    """Submit jobs from submit commands, as ``htcondor2.Submit`` takes them.

    Their files are the access point's: in a directory of their own, of which ``Submission.read``
    reads what the jobs write.

    Args:
        pool: Where.
        description: Submit commands: ``{"executable": "/bin/true"}``.
        count: How many jobs.
        node: The access point; None for the first.

    Raises:
        UsageError: What was given is no submit command and its value.
        JobFailed: condor_submit refused it; its own words and status.
    """
    text = description_text(description, count)
    staging = Staging.of_text(_access_point(pool, node), _SUBMIT_FILE, text)
    try:
        return _submit(pool, staging, _SUBMIT_FILE, ())
    except BaseException:
        _undo(staging)
        raise


def description_text(description: Mapping[str, str], count: int) -> str:
    """A submit file of these commands that queues so many jobs.

    Raises:
        UsageError: A key or a value would be read as something else.
    """
    if count < 1:
        raise UsageError(f"{count} jobs: at least one is wanted")
    lines = []
    for key, value in description.items():
        text = str(value)
        if not re.fullmatch(r"\+?[A-Za-z_][\w.]*", key) or key.lower() == "queue":
            raise UsageError(f"{key!r} is no submit command")
        if "\n" in text or "\r" in text or text.endswith("\\"):
            raise UsageError(f"{key}: the value goes on in another line: {text!r}")
        lines.append(f"{key} = {text}\n")
    return "".join(lines) + f"queue {count}\n"


def submissions(
    pool: PoolNodes,
    clusters: Collection[int] = (),
    *,
    node: str | None = None,
    unfetched: bool = True,
) -> list[Submission]:
    """What was submitted: these clusters, or else all that have not ended.

    Args:
        pool: Where.
        clusters: Their numbers; each access point has numbers of its own.
        node: Only at this access point; None for all.
        unfetched: Without clusters: also those that have ended and were not fetched since.

    Raises:
        NotFound: There is no such cluster, nor was there one.
        PoolNotReady: An access point does not run.
    """
    found: list[Submission] = []
    for access_point in _access_points(pool, node):
        by_staging: dict[str, set[int]] = {}
        for cluster, staging in _clusters(access_point, clusters, unfetched=unfetched):
            by_staging.setdefault(staging, set()).add(cluster)
        found += [
            _again(pool, access_point, sorted(numbers), staging)
            for staging, numbers in by_staging.items()
        ]
    missing = set(clusters) - {cluster for one in found for cluster in one.clusters}
    if missing:
        named = ", ".join(map(str, sorted(missing)))
        raise NotFound(
            f"the pool {pool.name} knows no job of cluster {named}",
            hint=f"What is in the queue: condor-mini exec -n {pool.name} -- condor_q -allusers",
        )
    return found


def wait_for_all(
    pool: PoolNodes,
    clusters: Collection[int] = (),
    *,
    timeout_s: float = FOREVER_S,
    on_change: Callable[[str], object] | None = None,
) -> int:
    """Wait until these clusters have ended, or else until all queues are empty.

    Returns:
        0, or the first status that is not; see ``Submission.wait``.

    Raises:
        NotFound: There is no such cluster.
        JobFailed: A job was put on hold, or was removed.
        PoolNotReady: The deadline has passed.
    """
    deadline = Deadline(timeout_s)
    status = 0
    while found := submissions(pool, clusters, unfetched=False):
        ended = tracking.wait(found, timeout_s=round(deadline.left_s, 1), on_change=on_change)
        status = status or ended
        if clusters:
            break
    return status


def _submit(pool: PoolNodes, staging: Staging, file: str, arguments: Sequence[str]) -> Submission:
    # Interrupted half-way, nobody would know what is in the queue.
    with held_back():
        submission = tracking.submit(
            staging.node, staging.path, file, arguments=arguments, staging=staging
        )
        if not submission.clusters:  # -dry-run, for example
            staging.remove()
    return _with_hint(pool, staging.node, submission)


def _undo(staging: Staging | None) -> None:
    """Nothing of a submission that failed stays."""
    if staging is None:
        return
    with held_back(), suppress(CondorMiniError):
        mine = f'{STAGING_ATTRIBUTE} == "{staging.name}"'
        staging.node.exec(["condor_rm", "-constraint", mine])
        staging.remove()


def _access_points(pool: PoolNodes, name: str | None) -> list[Node]:
    if name is not None:
        return [_access_point(pool, name)]
    first = _access_point(pool, None)
    return [node for node in pool.nodes if node.role is Role.ACCESS_POINT] or [first]


def _access_point(pool: PoolNodes, name: str | None) -> Node:
    node = pool.node(name)
    if node.role is not Role.ACCESS_POINT:
        raise UsageError(f"{node.name} is no access point: it is the pool's {node.role.words}")
    if not node.is_running:
        raise node.ended()
    return node


def _clusters(node: Node, wanted: Collection[int], *, unfetched: bool) -> Iterator[tuple[int, str]]:
    """Each cluster at this access point, with what its ads say of its staging directory."""
    names = ["-af", "ClusterId", STAGING_ATTRIBUTE]
    numbers = [str(cluster) for cluster in wanted]
    if wanted:
        said = _ask(node, ["condor_q", "-allusers", *numbers, *names])
        said += _ask(node, ["condor_history", *numbers, *names])
    else:
        copies = ",".join(Staging.unfetched(node)) if unfetched else ""
        mine = f'stringListMember({STAGING_ATTRIBUTE}, "{copies}") =?= true'
        # A job that was removed may be in the queue for a while yet, and not in the history.
        said = _ask(
            node, ["condor_q", "-allusers", "-constraint", f"({UNENDED}) || {mine}", *names]
        )
        if copies:
            said += _ask(node, ["condor_history", "-constraint", mine, *names])
    pairs = {tuple(line.split(maxsplit=1)) for line in said.splitlines()}
    for cluster, staging in sorted(pairs):
        yield int(cluster), "" if staging == "undefined" else staging


def _ask(node: Node, argv: Sequence[str]) -> str:
    said = ""

    def unanswered() -> str | None:
        nonlocal said
        result = node.exec(argv)
        said = result.stdout
        return None if result.returncode == 0 else f"{argv[0]}: {result.stderr.strip()}"

    wait_until(unanswered, timeout_s=SCHEDD_TIMEOUT_S, error=PoolNotReady)
    return said


def _again(pool: PoolNodes, node: Node, clusters: Sequence[int], staging: str) -> Submission:
    found = Staging.find(node, staging) if staging else None
    return _with_hint(pool, node, Submission(runner=node, clusters=tuple(clusters), staging=found))


def _with_hint(pool: PoolNodes, node: Node, submission: Submission) -> Submission:
    there = f"condor-mini exec -n {pool.name} --node {node.name} --"
    numbers = " ".join(map(str, submission.clusters))
    return replace(
        submission,
        hint_if_held=f"It stays in the queue. Let it run: {there} condor_release {numbers}. "
        f"Remove it: {there} condor_rm {numbers}",
    )
