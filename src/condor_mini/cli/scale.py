"""``condor-mini scale``: change the number of execution points."""

from __future__ import annotations

import click

from condor_mini.cli.options import (
    PoolCommand,
    engine_option,
    name_option,
    open_pool,
    quiet_option,
    timeout_option,
)


@click.command("scale", cls=PoolCommand)
@name_option
@click.option(
    "--execute",
    type=click.IntRange(0),
    required=True,
    metavar="N",
    help="Add or remove execution points until there are N.",
)
@click.option(
    "--group",
    metavar="GROUP",
    help="Scale this group of the pool file. The default is the only group.",
)
@click.option(
    "--grace",
    "grace_s",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    metavar="S",
    help="Let jobs run for S seconds on a node that is removed. Then they return to the queue.",
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
    """Add or remove execution points until there are N.

    New ones join at once. Those that are removed are drained first.
    """
    from condor_mini.base.progress import progress_for_stderr

    open_pool(name, engine).scale(
        execute,
        group=group,
        grace_s=grace_s,
        timeout_s=timeout_s,
        progress=progress_for_stderr(quiet=quiet),
    )
