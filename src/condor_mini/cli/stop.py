"""``condor-mini stop``: stop a pool."""

from __future__ import annotations

import click

from condor_mini.cli.options import (
    PoolCommand,
    engine_option,
    name_option,
    node_option_or_all,
    open_pool,
    quiet_option,
)


@click.command("stop", cls=PoolCommand)
@name_option
@node_option_or_all
@engine_option
@quiet_option
def command(*, name: str, node: str | None, engine: str | None, quiet: bool) -> None:
    """Stop all nodes, or one, gracefully. Queue, history and files are kept for `start`."""
    from condor_mini.base.progress import progress_for_stderr

    progress = progress_for_stderr(quiet=quiet)
    open_pool(name, engine).stop(node=node, progress=progress)
