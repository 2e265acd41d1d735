"""``condor-mini submit``: submit a submit file from this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_mini.cli.options import (
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


@click.command("submit")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.argument(
    "arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- CONDOR_SUBMIT OPTIONS]..."
)
@name_option
@click.option("--node", metavar="NODE", help="Use this access point. The default is the first one.")
@click.option(
    "--wait",
    is_flag=True,
    help="Wait for the jobs, fetch and show the results, and exit with the jobs' status.",
)
@job_timeout_option
@job_log_option
@click.option(
    "--follow-links",
    is_flag=True,
    help="Also copy what symbolic links lead to outside the directory.",
)
@output_option
@engine_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    file: Path,
    arguments: tuple[str, ...],
    name: str,
    node: str | None,
    wait: bool,
    timeout_s: float,
    with_log: bool,
    follow_links: bool,
    output: str,
    engine: str | None,
    quiet: bool,
) -> None:
    """Submit FILE: copy its directory to the pool, and what the jobs write back to it.

    Without --wait, `condor-mini wait` copies it back. Arguments after -- are for condor_submit:
    -append 'request_cpus = 2', NUMBER=3.

    Symbolic links stay links. Links that lead out of the directory are reported.
    """
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.cli import job_lines, results

    progress = progress_for_stderr(quiet=quiet)
    submission = open_pool(name, engine).submit(
        file, node=node, arguments=arguments, follow_links=follow_links, progress=progress
    )

    def show(submissions: Sequence[Submission]) -> None:
        if output == "json":
            show_json(results.submission_row(submission))
        else:
            job_lines.show(submissions, with_log=with_log)

    status = 0
    with results.StayQueued(name, [submission]):
        if output == "text":
            results.announce(submission)
        if wait and submission.clusters:
            status = results.follow(
                [submission], progress, pool=name, timeout_s=timeout_s, show=show
            )
        elif output == "json":
            show([submission])
        if submission.clusters and not wait:
            progress.note(f"Fetch the results: {results.again(name, [submission])}")
    ctx.exit(status)
