"""``condor-mini scale``: more or fewer execution points."""

from __future__ import annotations

import click

from condor_mini.cli.options import (
    engine_option,
    name_option,
    open_pool,
    quiet_option,
    timeout_option,
)


@click.command("scale")
@name_option
@click.option(
    "--execute", type=click.IntRange(0), required=True, metavar="N", help="Execution points."
)
@click.option("--group", metavar="GROUP", help="Of which group of the pool file.")
@click.option(
    "--grace",
    "grace_s",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    metavar="S",
    help="Seconds that jobs may run on where a node goes; then they are put back into the queue.",
)
@timeout_option
@engine_option
@quiet_option
def command(
    *,
    name: str,
    execute: int,
    group: str | None,
    grace_s: float,
    timeout_s: float,
    engine: str | None,
    quiet: bool,
) -> None:
    """Have N execution points from now on: new ones join at once, those that go are drained."""
    from condor_mini.base.progress import progress_for_stderr

    open_pool(name, engine).scale(
        execute,
        group=group,
        grace_s=grace_s,
        timeout_s=timeout_s,
        progress=progress_for_stderr(quiet=quiet),
    )
