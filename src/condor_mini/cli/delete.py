"""``condor-mini delete``: delete a pool, or all pools."""

from __future__ import annotations

import click

from condor_mini.base.errors import CommandFailed, UsageError
from condor_mini.cli.options import PoolCommand, engine_option, name_option, quiet_option


@click.command("delete", cls=PoolCommand)
@name_option
@click.option("--all", "everything", is_flag=True, help="Delete every pool, personal pools too.")
@engine_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context, *, name: str, everything: bool, engine: str | None, quiet: bool
) -> None:
    """Delete a pool: its nodes, network and volumes, with all jobs.

    The state directory of a personal pool is kept.

    Deleting a pool that does not exist is a success.
    """
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.engines import find_engine
    from condor_mini.pool import Pool

    if everything and ctx.get_parameter_source("name") is click.core.ParameterSource.COMMANDLINE:
        raise UsageError(f"use either --all or the pool {name}, not both")
    progress = progress_for_stderr(quiet=quiet)
    reached = find_engine(engine)
    pools = Pool.list(engine=reached) if everything else [Pool(reached, name)]
    if not pools:
        progress.note("There are no pools")
    failures = []
    for pool in pools:
        personal = pool.personal_node()
        try:
            done = pool.delete()
        except CommandFailed as failure:
            failures.append(failure)  # the other pools are deleted all the same
        else:
            verb = "Deleted the" if done else "There is no"
            kept = f"; its state is kept in {personal.state_directory}" if personal else ""
            progress.note(f"{verb} pool {pool.name}{kept}")
    if failures:
        raise failures[0]
