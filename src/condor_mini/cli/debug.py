"""``condor-mini debug``: set the debug levels of the daemons."""

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
@click.option("--reset", is_flag=True, help="Reset all daemons to HTCondor's own levels.")
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
    """Set the debug levels of running daemons, or show the levels that were set.

    schedd=D_FULLDEBUG makes the schedd log everything, "startd=D_FULLDEBUG D_COMMAND" sets two
    levels, and schedd= resets the schedd. The levels stay until the container is removed.
    """
    if reset and settings:
        raise UsageError("--reset resets all daemons: give no DAEMON=LEVEL with it")
    wanted = {}
    for setting in settings:
        daemon, equals, level = setting.partition("=")
        if not equals:
            raise UsageError(f"{setting}: must be DAEMON=LEVEL, as in schedd=D_FULLDEBUG")
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
        click.echo("All daemons have HTCondor's own levels.", err=True)
