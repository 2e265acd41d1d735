"""``condor-mini leave``: remove nodes of this host from a pool on another host."""

from __future__ import annotations

import click

from condor_mini.base.errors import NotFound, UsageError
from condor_mini.cli.options import engine_option, name_option, open_pool, quiet_option


@click.command("leave")
@name_option
@click.option(
    "--grace",
    "grace_s",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    metavar="S",
    help="Let jobs run here for S more seconds. Then they return to their queues.",
)
@click.option("--force", is_flag=True, help="Also remove an access point with jobs in its queue.")
@engine_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context, *, name: str, grace_s: float, force: bool, engine: str | None, quiet: bool
) -> None:
    """Remove nodes that have joined a pool on another host, once their jobs have ended.

    Without a name, these are the only nodes of this host that have joined one.
    """
    from condor_mini.base.progress import progress_for_stderr

    if ctx.get_parameter_source("name") is click.core.ParameterSource.DEFAULT:
        name = _only_one(engine)
    progress = progress_for_stderr(quiet=quiet)
    pool = open_pool(name, engine)
    pool.leave(grace_s=grace_s, force=force, progress=progress)
    progress.note(f"The nodes {name} have left")


def _only_one(engine: str | None) -> str:
    from condor_mini.engines import reached
    from condor_mini.nodes.node import pool_nodes

    names = sorted({node.pool for node in pool_nodes(reached(engine)) if node.joined_to})
    if not names:
        raise NotFound("no nodes of this host have joined a pool", hint="condor-mini list")
    if len(names) > 1:
        raise UsageError(
            f"nodes of several names have joined: {', '.join(names)}",
            hint=f"Choose one: condor-mini leave -n {names[0]}",
        )
    return names[0]
