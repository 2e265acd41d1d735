"""``condor-mini shell``: open a shell on a node."""

from __future__ import annotations

import click

from condor_mini.base.layout import USER
from condor_mini.cli.options import (
    PoolCommand,
    engine_option,
    name_option,
    node_option,
    note_one_user,
    open_node,
)


@click.command("shell", cls=PoolCommand)
@name_option
@node_option
@click.option(
    "-u",
    "--user",
    default=USER,
    show_default=True,
    help="Run as this user. Use root to administer the node.",
)
@engine_option
@click.pass_context
def command(
    ctx: click.Context, *, name: str, node: str | None, user: str, engine: str | None
) -> None:
    """Open a bash shell on a node. The default is the first access point."""
    chosen = open_node(name, node, engine)
    note_one_user(chosen, user)
    ctx.exit(chosen.attach(["bash"], user=user))
