"""``condor-mini exec``: run a command on a node."""

from __future__ import annotations

import click

from condor_mini.base.layout import USER
from condor_mini.cli.options import (
    engine_option,
    name_option,
    node_option,
    note_one_user,
    open_node,
)


@click.command("exec", context_settings={"allow_interspersed_args": False})
@click.argument("argv", metavar="[--] COMMAND [ARGS]...", nargs=-1, required=True)
@name_option
@node_option
@click.option(
    "-u",
    "--user",
    default=USER,
    show_default=True,
    help="Run as this user. Use root to administer the node.",
)
@click.option(
    "-w", "--workdir", metavar="DIR", help="Run in DIR. The default is the home directory."
)
@click.option(
    "-e",
    "--env",
    "variables",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set an environment variable. May be repeated.",
)
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
    """Run COMMAND on a node, and exit with its status.

    Stdin and the terminal are passed through.
    """
    environment = dict(variable.partition("=")[::2] for variable in variables)
    chosen = open_node(name, node, engine)
    note_one_user(chosen, user)
    # bash runs it: engines differ in the status of a command that does not exist.
    ctx.exit(
        chosen.attach(
            ["bash", "-c", 'exec "$@"', "condor-mini", *argv],
            user=user,
            workdir=workdir,
            environment=environment,
        )
    )
