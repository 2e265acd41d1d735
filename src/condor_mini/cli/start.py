"""``condor-mini start``: start a pool that was stopped."""

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


@click.command("start", cls=PoolCommand)
@name_option
@node_option_or_all
@timeout_option
@engine_option
@quiet_option
def command(
    *, name: str, node: str | None, timeout_s: float, engine: str | None, quiet: bool
) -> None:
    """Start all stopped nodes, or one, and wait until the pool is usable.

    Nodes whose containers were removed are created again from their state.
    """
    from condor_mini.base.progress import progress_for_stderr

    progress = progress_for_stderr(quiet=quiet)
    open_pool(name, engine).start(node=node, timeout_s=timeout_s, progress=progress)
