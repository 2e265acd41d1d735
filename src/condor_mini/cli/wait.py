"""``condor-mini wait``: wait for jobs that were submitted before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from condor_mini.cli.options import (
    engine_option,
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
@click.argument("clusters", nargs=-1, type=click.IntRange(min=1), metavar="[CLUSTER]...")
@name_option
@click.option(
    "--node", metavar="NODE", help="Use this access point. The default is all access points."
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0),
    metavar="S",
    help="Give up after S seconds.",
)
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
    timeout_s: float | None,
    output: str,
    engine: str | None,
    quiet: bool,
) -> None:
    """Wait until jobs have ended, fetch and show what they wrote, and exit with their status.

    Without CLUSTER, wait for all jobs that are in the queue, or have ended and were not fetched
    yet.
    """
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.cli import results
    from condor_mini.jobs.submit import submissions
    from condor_mini.jobs.tracking import FOREVER_S

    progress = progress_for_stderr(quiet=quiet)
    found = submissions(open_pool(name, engine), clusters, node=node)

    def show(waited_for: Sequence[Submission]) -> None:
        if output == "json":
            show_json({"submissions": [results.submission_row(one) for one in waited_for]})
        else:
            results.show_written(waited_for, progress)

    limit_s = FOREVER_S if timeout_s is None else timeout_s
    with results.StayQueued(name, found):
        status = results.follow(found, progress, pool=name, timeout_s=limit_s, show=show)
    ctx.exit(status)
