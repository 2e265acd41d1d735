"""``condor-mini queue``: show the jobs in the queues of all access points."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from condor_mini.base.progress import Progress
from condor_mini.cli.options import (
    WatchCommand,
    engine_option,
    name_option,
    output_option,
    pool_named,
    show_json,
    table,
    watch_option,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from condor_mini.cli.watch import Look
    from condor_mini.jobs.queue import QueuedCluster, QueuedJob
    from condor_mini.pool import Pool

MOST_JOBS = 20
"""With more jobs than these in the queues, a cluster is one row."""
MOST_NAMES = 3
"""Number of nodes that the row of a cluster names."""
LONGEST_COMMAND = 40
EMPTY = "There are no jobs in the queue."


@click.command("queue", cls=WatchCommand)
@name_option
@click.option("--each", "each_job", is_flag=True, help="Show each job, however many there are.")
@watch_option
@output_option
@engine_option
def command(
    *, name: str, each_job: bool, watch_s: float | None, output: str, engine: str | None
) -> None:
    """Show the jobs of all users at all access points: what they run, where, or why they are held.

    With more than 20 jobs, each cluster is one line. For all else there is HTCondor's own
    condor_q: condor-mini exec -- condor_q. Why a job is idle: condor-mini doctor.
    """
    from condor_mini.base.progress import progress_for_stderr

    pool = pool_named(name, engine)
    if watch_s is not None:
        from condor_mini.cli.watch import display_for_stdout, watch

        watch(
            lambda: _look(pool, output, each_job=each_job),
            display_for_stdout(output, watch_s),
            every_s=watch_s,
        )
    jobs = pool.queue(progress=progress_for_stderr())
    if output == "json":
        show_json([job.to_json() for job in jobs])
        return
    if not jobs:
        click.echo(EMPTY, err=True)
    for line in lines(jobs, each_job=each_job):
        click.echo(line)


class _Notes(Progress):
    """Keeps the notes, to be shown with the jobs."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        """Keep a line."""
        self.lines.append(text)


def _look(pool: Pool, output: str, *, each_job: bool) -> Look:
    from condor_mini.cli.watch import Look

    notes = _Notes()
    jobs = pool.queue(progress=notes)
    if output == "json":
        shown = [json.dumps([job.to_json() for job in jobs], ensure_ascii=False)]
    else:
        shown = [*notes.lines, *(lines(jobs, each_job=each_job) if jobs else [EMPTY])]
    return Look(lines=shown, state=(jobs, notes.lines))


def lines(jobs: Sequence[QueuedJob], *, each_job: bool) -> Iterator[str]:
    """Yield the lines of the table, and one that counts the jobs by state; none without jobs."""
    from condor_mini.jobs.queue import by_cluster, by_state

    if not jobs:
        return
    several = len({job.access_point for job in jobs}) > 1
    if each_job or len(jobs) <= MOST_JOBS:
        rows = [job_row(job, several=several) for job in jobs]
    else:
        rows = [_cluster(cluster)[0 if several else 1 :] for cluster in by_cluster(jobs)]
    yield from table(job_columns(several=several), rows)
    yield ""
    total = "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs"
    yield f"{total}: {_counts(by_state(jobs))}"


def job_columns(*, several: bool) -> list[str]:
    """Return the titles of the table, with the access point where there are several."""
    titles = ["ACCESS POINT", "JOB", "OWNER", "STATE", "SINCE", "COMMAND", "WHERE, OR WHY"]
    return titles[0 if several else 1 :]


def job_row(job: QueuedJob, *, several: bool) -> list[str]:
    """Return what is shown of one job; see ``job_columns``."""
    cells = [
        job.access_point,
        job.id,
        clean(job.owner),
        job.state,
        _ago(job.since),
        _short(job.command),
        clean(job.reason or job.node or "-"),
    ]
    return cells[0 if several else 1 :]


def _cluster(cluster: QueuedCluster) -> list[str]:
    number = sum(cluster.states.values())
    return [
        cluster.access_point,
        f"{cluster.cluster}" + (f" ({number} jobs)" if number > 1 else ""),
        clean(cluster.owner),
        _counts(cluster.states),
        _ago(cluster.since),
        _short(cluster.command),
        "; ".join(_places_and_reasons(cluster)) or "-",
    ]


def _places_and_reasons(cluster: QueuedCluster) -> Iterator[str]:
    if cluster.nodes:
        yield named(cluster.nodes)
    for reason, number in [*cluster.reasons.items()][:1]:
        yield f"{clean(reason)} ({number})"
    if len(cluster.reasons) > 1:
        yield f"and {len(cluster.reasons) - 1} other reasons"


def named(nodes: Mapping[str, int]) -> str:
    """Return the nodes with the number of jobs on each: ``ci-execute-1 (4), ci-execute-2 (3)``."""
    most = [f"{clean(node)} ({number})" for node, number in [*nodes.items()][:MOST_NAMES]]
    more = len(nodes) - len(most)
    return ", ".join([*most, *([f"{more} more nodes"] if more else [])])


def _counts(states: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in states.items())


def _ago(time: datetime | None) -> str:
    from condor_mini.base.times import ago

    return ago(time) if time else "-"


def _short(command: str) -> str:
    text = clean(command)
    return text if len(text) <= LONGEST_COMMAND else f"{text[: LONGEST_COMMAND - 1]}…"


def clean(text: str) -> str:
    """Return a text of somebody else's in one line, without what a terminal would obey."""
    line = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "�" for letter in line)
