"""``condor-mini exec``: a command on a node."""

from __future__ import annotations

import click

from condor_mini.base.layout import USER
from condor_mini.cli.options import engine_option, name_option, node_option, open_pool


@click.command("exec", context_settings={"allow_interspersed_args": False})
@click.argument("argv", metavar="[--] COMMAND [ARGS]...", nargs=-1, required=True)
@name_option
@node_option
@click.option("-u", "--user", default=USER, show_default=True, help="root administers.")
@click.option("-w", "--workdir", metavar="DIR", help="Where; the home directory if none.")
@click.option("-e", "--env", "variables", multiple=True, metavar="KEY=VALUE")
@engine_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    argv: tuple[str, ...],
    name: str,
    node: str | None,
    user: str,
    workdir: str | None,
    variables: tuple[str, ...],
    engine: str | None,
) -> None:
    """Run COMMAND on a node and end with its status; stdin and a terminal are handed through."""
    environment = dict(variable.partition("=")[::2] for variable in variables)
    chosen = open_pool(name, engine).node(node)
    # By bash: engines differ in the status of a command that is absent.
    ctx.exit(
        chosen.attach(
            ["bash", "-c", 'exec "$@"', "condor-mini", *argv],
            user=user,
            workdir=workdir,
            environment=environment,
        )
    )
