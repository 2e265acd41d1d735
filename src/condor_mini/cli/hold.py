"""``condor-mini hold``: Hold jobs."""

from __future__ import annotations

import click

from condor_mini.cli.job_actions import act, job_options


@click.command("hold")
@job_options
@click.option("--reason", metavar="TEXT", help="Say why; the queue shows it.")
def command(
    *,
    jobs: tuple[str, ...],
    all_jobs: bool,
    name: str,
    node: str | None,
    engine: str | None,
    reason: str | None,
) -> None:
    """Hold jobs: they stop, and stay in the queue until they are released.

    A JOB is 3.0, and a CLUSTER, 3, is all of its jobs. Those that are there are dealt with also if
    others are not; then the exit code is 3. Jobs of other users are refused: condor-mini exec
    --user.
    """
    from condor_mini.jobs.actions import HOLD

    act(HOLD, jobs, all_jobs=all_jobs, name=name, node=node, engine=engine, reason=reason)
