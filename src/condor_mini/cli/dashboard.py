"""``condor-mini dashboard``: show a pool in the browser."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_mini.cli.options import PoolCommand, engine_option, name_option

if TYPE_CHECKING:
    from condor_mini.dashboard.server import Link


@click.command("dashboard", cls=PoolCommand)
@name_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="P",
    help="Use this port of 127.0.0.1. The default is any that is free.",
)
@click.option("--open", "open_it", is_flag=True, help="Open the page in your browser.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Use the token in FILE, and make it if it does not exist. The default is a new token at "
    "each start.",
)
@engine_option
def command(
    *, name: str, port: int, open_it: bool, token_file: Path | None, engine: str | None
) -> None:
    """Show a pool in the browser: nodes, slots, jobs, users, faults and logs, until Ctrl-C.

    Its buttons do what the command line does, as you. Whoever has the link can use them, so it is a
    secret. The page is at 127.0.0.1 only.
    """
    from condor_mini.cli.browser import opener
    from condor_mini.dashboard import server
    from condor_mini.engines import reached

    server.check_installed()
    with ExitStack() as stack:
        show = stack.enter_context(opener("dashboard")) if open_it else None

        def on_ready(link: Link) -> None:
            click.echo(f"The pool {name} is shown at {link.page}")
            click.echo(f"For Prometheus: {link.metrics}, with the token. End: Ctrl-C.", err=True)
            if show is not None:
                show(link.page)

        server.serve(reached(engine), name, port=port, token_file=token_file, on_ready=on_ready)
