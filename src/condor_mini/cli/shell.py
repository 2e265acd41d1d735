"""``condor-mini shell``: a prompt on a node."""

from __future__ import annotations

import click

from condor_mini.base.layout import USER
from condor_mini.cli.options import engine_option, name_option, node_option, open_pool


@click.command("shell")
@name_option
@node_option
@click.option("-u", "--user", default=USER, show_default=True, help="root administers.")
@engine_option
@click.pass_context
def command(
    ctx: click.Context, *, name: str, node: str | None, user: str, engine: str | None
) -> None:
    """A bash prompt on a node; the first access point if none is named."""
    ctx.exit(open_pool(name, engine).node(node).attach(["bash"], user=user))
