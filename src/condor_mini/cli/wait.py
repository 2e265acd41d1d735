"""``condor-mini wait``: wait for jobs that were submitted before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from condor_mini.cli.options import (
    cluster_numbers,
    engine_option,
    job_log_option,
    job_timeout_option,
    name_option,
    open_pool,
    output_option,
    quiet_option,
    show_json,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.jobs.tracking import Submission


@click.command("wait")
@click.argument(
    "clusters",
    nargs=-1,
    type=click.IntRange(min=1),
    metavar="[CLUSTER]...",
    shell_complete=cluster_numbers,
)
@name_option
@click.option(
    "--node", metavar="NODE", help="Use this access point. The default is all access points."
)
@job_timeout_option
@job_log_option
@output_option
@engine_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    clusters: tuple[int, ...],
    name: str,
    node: str | None,
    timeout_s: float,
    with_log: bool,
    output: str,
    engine: str | None,
    quiet: bool,
) -> None:
    """Wait until jobs have ended, fetch and show what they wrote, and exit with their status.

    Without CLUSTER, wait for all jobs that are in the queue, or have ended and were not fetched
    yet.
    """
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.cli import job_lines, results
    from condor_mini.jobs.submit import submissions

    progress = progress_for_stderr(quiet=quiet)
    found = submissions(open_pool(name, engine), clusters, node=node)

    def show(waited_for: Sequence[Submission]) -> None:
        if output == "json":
            show_json({"submissions": [results.submission_row(one) for one in waited_for]})
        else:
            job_lines.show(waited_for, with_log=with_log)

    with results.StayQueued(name, found):
        status = results.follow(found, progress, pool=name, timeout_s=timeout_s, show=show)
    ctx.exit(status)
