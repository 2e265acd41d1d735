"""``condor-mini delete``: all of a pool."""

from __future__ import annotations

import click

from condor_mini.base.errors import CommandFailed, UsageError
from condor_mini.cli.options import engine_option, name_option, quiet_option


@click.command("delete")
@name_option
@click.option("--all", "everything", is_flag=True, help="Every pool that `create` has made.")
@engine_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context, *, name: str, everything: bool, engine: str | None, quiet: bool
) -> None:
    """Remove a pool: its nodes, network and volumes, with all jobs. One that is absent is fine."""
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.engines import find_engine
    from condor_mini.pool import Pool

    if everything and ctx.get_parameter_source("name") is click.core.ParameterSource.COMMANDLINE:
        raise UsageError(f"either --all or the pool {name}: which is it?")
    progress = progress_for_stderr(quiet=quiet)
    reached = find_engine(engine)
    pools = Pool.list(engine=reached) if everything else [Pool(reached, name)]
    if not pools:
        progress.note("There are no pools")
    failures = []
    for pool in pools:
        try:
            done = pool.delete()
        except CommandFailed as failure:
            failures.append(failure)  # no reason to leave the others
        else:
            verb = "Deleted the" if done else "There is no"
            progress.note(f"{verb} pool {pool.name}")
    if failures:
        raise failures[0]
