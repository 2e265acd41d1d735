"""``condor-mini debug``: what the daemons write into their logs."""

from __future__ import annotations

import click

from condor_mini.base.errors import UsageError
from condor_mini.cli.options import (
    engine_option,
    name_option,
    node_option_or_all,
    open_pool,
    output_option,
    show_json,
    show_table,
)


@click.command("debug")
@click.argument("settings", metavar="[DAEMON=LEVEL]...", nargs=-1)
@name_option
@node_option_or_all
@click.option("--reset", is_flag=True, help="All daemons as HTCondor has them.")
@output_option
@engine_option
def command(
    *,
    settings: tuple[str, ...],
    name: str,
    node: str | None,
    reset: bool,
    output: str,
    engine: str | None,
) -> None:
    """Set the debug levels of daemons that run, or show those that were set.

    schedd=D_FULLDEBUG has the schedd say all; "startd=D_FULLDEBUG D_COMMAND" gives two levels, and
    schedd= takes its level away. They hold until the container is removed.
    """
    if reset and settings:
        raise UsageError("--reset takes all levels away: name none")
    wanted = {}
    for setting in settings:
        daemon, equals, level = setting.partition("=")
        if not equals:
            raise UsageError(f"{setting}: DAEMON=LEVEL is wanted, as in schedd=D_FULLDEBUG")
        wanted[daemon] = level.strip() or None
    pool = open_pool(name, engine)
    if reset:
        pool.reset_debug_levels(node=node)
    elif wanted:
        pool.set_debug_levels(wanted, node=node)
    levels = pool.debug_levels(node=node)
    if output == "json":
        show_json([level.to_json() for level in levels])
    elif levels:
        rows = [[level.node, level.daemon, level.level] for level in levels]
        show_table(["NODE", "DAEMON", "LEVEL"], rows)
    else:
        click.echo("All daemons have the levels that HTCondor gives them.", err=True)
