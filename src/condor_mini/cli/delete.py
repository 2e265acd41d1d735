"""``condor-mini delete``: delete a pool, or all pools."""

from __future__ import annotations

import click

from condor_mini.base.errors import CommandFailed, HostNotReached, UsageError
from condor_mini.cli.options import PoolCommand, engine_option, name_option, quiet_option


@click.command("delete", cls=PoolCommand)
@name_option
@click.option("--all", "everything", is_flag=True, help="Delete every pool, personal pools too.")
@click.option(
    "--force",
    is_flag=True,
    help="Forget a pool one of whose hosts is not reached, and what is left on that host.",
)
@engine_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context, *, name: str, everything: bool, force: bool, engine: str | None, quiet: bool
) -> None:
    """Delete a pool: its nodes, network and volumes, with all jobs.

    The state directory of a personal pool is kept.

    Deleting a pool that does not exist is a success. If a host of a pool is not reached, all else
    is deleted, and the exit code is 6.
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
    failures: list[CommandFailed | HostNotReached] = []
    for pool in pools:
        personal = pool.personal_node()
        try:
            done = pool.delete(force=force)
        except (CommandFailed, HostNotReached) as failure:
            failures.append(failure)  # the other pools are deleted all the same
        else:
            verb = "Deleted the" if done else "There is no"
            kept = f"; its state is kept in {personal.state_directory}" if personal else ""
            progress.note(f"{verb} pool {pool.name}{kept}")
    if failures:
        raise failures[0]
