"""``condor-mini restart``: stop and start a pool, or upgrade it."""

from __future__ import annotations

import click

from condor_mini.cli.options import (
    PoolCommand,
    engine_option,
    name_option,
    node_option_or_all,
    open_pool,
    quiet_option,
    timeout_option,
)

new_series_option = click.option(
    "--htcondor",
    "series",
    metavar="SERIES",
    help="Create all containers again with this series of HTCondor, for example 25.",
)


@click.command("restart", cls=PoolCommand)
@name_option
@node_option_or_all
@new_series_option
@timeout_option
@engine_option
@quiet_option
def command(
    *,
    name: str,
    node: str | None,
    series: str | None,
    timeout_s: float,
    engine: str | None,
    quiet: bool,
) -> None:
    """Stop and start all nodes, or one. The queue is kept. With --htcondor, upgrade the pool."""
    from condor_mini.base.progress import progress_for_stderr

    progress = progress_for_stderr(quiet=quiet)
    open_pool(name, engine).restart(
        node=node, series=series, timeout_s=timeout_s, progress=progress
    )
