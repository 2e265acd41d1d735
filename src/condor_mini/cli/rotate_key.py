"""``condor-mini rotate-key``: create a new signing key."""

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


@click.command("rotate-key", cls=PoolCommand)
@name_option
@timeout_option
@engine_option
@quiet_option
def command(*, name: str, timeout_s: float, engine: str | None, quiet: bool) -> None:
    """Create a new signing key: it invalidates every token, and the nodes get new ones.

    Jobs continue to run. Holders of a token from `token create` need a new one. Nodes that joined
    with MASTER request a token again.
    """
    from condor_mini.base.progress import progress_for_stderr

    progress = progress_for_stderr(quiet=quiet)
    open_pool(name, engine).members.rotate_key(timeout_s=timeout_s, progress=progress)
