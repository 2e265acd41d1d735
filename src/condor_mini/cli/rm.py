"""``condor-mini rm``: Remove jobs from the queue."""

from __future__ import annotations

import click

from condor_mini.cli.job_actions import act, job_options


@click.command("rm")
@job_options
def command(
    *, jobs: tuple[str, ...], all_jobs: bool, name: str, node: str | None, engine: str | None
) -> None:
    """Remove jobs from the queue, one by one or whole clusters. What runs is ended.

    A JOB is 3.0, and a CLUSTER, 3, is all of its jobs. Those that are there are dealt with also if
    others are not; then the exit code is 3. Jobs of other users are refused: condor-mini exec
    --user.
    """
    from condor_mini.jobs.actions import REMOVE

    act(REMOVE, jobs, all_jobs=all_jobs, name=name, node=node, engine=engine)
