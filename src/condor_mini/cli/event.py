"""``condor-mini event``: produce an event of HTCondor's job event log."""

from __future__ import annotations

import click

from condor_mini.cli.options import (
    engine_option,
    name_option,
    node_option,
    open_pool,
    output_option,
    quiet_option,
    show_json,
)

LIST = "list"


@click.command("event")
@click.argument("which", metavar="EVENT|list")
@name_option
@node_option
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="S",
    help="Give up if the event has not come after S seconds.",
)
@click.option("--keep-job", is_flag=True, help="Leave the job and its log where they are.")
@output_option
@engine_option
@quiet_option
def command(
    *,
    which: str,
    name: str,
    node: str | None,
    timeout_s: float,
    keep_job: bool,
    output: str,
    engine: str | None,
    quiet: bool,
) -> None:
    """Let HTCondor write an EVENT, by its number (024) or its name (ReconnectFailed).

    A job is submitted, and what that event stands for is done to it. The command prints the event
    as the job's log has it, and removes the job. `condor-mini event list` says how each is made,
    and why some cannot be had.
    """
    from condor_mini.base.progress import progress_for_stderr

    if which == LIST:
        _list(output)
        return
    progress = progress_for_stderr(quiet=quiet)
    made = open_pool(name, engine).events.make(
        which, node=node, timeout_s=timeout_s, keep_job=keep_job, progress=progress
    )
    if keep_job:
        progress.note(f"Job {made.job} is kept, with its log {made.log} on {made.access_point}")
    if output == "json":
        show_json(made.to_json())
    else:
        click.echo(made.text, nl=False)


def _list(output: str) -> None:
    from condor_mini.events.event_types import EVENT_TYPES

    if output == "json":
        show_json([one.to_json() for one in EVENT_TYPES.values()])
        return
    for one in EVENT_TYPES.values():
        text = one.made_by or f"Cannot be had: {one.why_not}."
        click.echo(
            click.wrap_text(
                f"{one.code}  {one.name.ljust(20)}  {text}",
                100,
                subsequent_indent=" " * 27,
            )
        )
