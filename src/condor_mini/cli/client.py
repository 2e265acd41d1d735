"""``condor-mini client``: run a command with a pool's client environment, or write its files."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from condor_mini.base.errors import UsageError
from condor_mini.cli.options import (
    WithCommand,
    access_point_option,
    engine_option,
    name_option,
    pool_named,
    quiet_option,
    tools_option,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""The statuses that shells give for a command that does not exist or cannot be run."""


@click.command("client", cls=WithCommand, options_metavar="[OPTIONS]")
@click.argument("directory", metavar="[DIR] [-- COMMAND [ARGS]...]", required=False)
@name_option
@access_point_option
@tools_option
@click.option(
    "--lifetime",
    "lifetime_s",
    type=click.IntRange(min=60),
    metavar="S",
    help="Let a new token expire after S seconds. The default is 30 days.",
)
@engine_option
@quiet_option
def command(
    *,
    directory: str | None,
    argv: list[str],
    name: str,
    access_point: str | None,
    with_tools: bool,
    lifetime_s: int | None,
    engine: str | None,
    quiet: bool,
) -> None:
    """Run a command on this machine as a client of a pool, or write a client's files to DIR.

    \b
    condor-mini client -- python submit.py
    condor-mini client --tools -- condor_q
    condor-mini client DIR; CONDOR_CONFIG=DIR/condor_config python submit.py

    The files are a configuration and a token with your rights, which only you can read. Without
    DIR they are kept below your state directory. Your own HTCondor configuration is neither read
    nor changed.
    """  # noqa: D301 (click's mark: it does not join these lines)
    from condor_mini.base.progress import progress_for_stderr

    if directory is None and not argv:
        raise UsageError(
            "name a directory or a command",
            hint="condor-mini client DIR. Or: condor-mini client -- COMMAND",
        )
    variables = pool_named(name, engine, "condor_mini.client.files").client_environment(
        access_point,
        directory=directory,
        tools=with_tools,
        lifetime_s=lifetime_s,
        progress=progress_for_stderr(quiet=quiet),
    )
    if argv:
        _run(argv, {**os.environ, **variables})
    for key, value in variables.items():
        click.echo(f"{key}={value}")


def _run(argv: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Become this command, once all that goes on beside ours has ended."""
    click.get_current_context().close()
    sys.stdout.flush()
    try:
        os.execvpe(argv[0], argv, environment)  # noqa: S606 (the user's own command)
    except FileNotFoundError:
        hint = "Use HTCondor's programs of the pool's series: condor-mini client --tools -- ..."
        click.echo(f"condor-mini: there is no command {argv[0]} on PATH", err=True)
        if argv[0].startswith("condor_"):
            click.echo(hint, err=True)
        sys.exit(NOT_FOUND)
    except OSError as error:
        click.echo(f"condor-mini: {argv[0]} cannot be run: {error.strerror}", err=True)
        sys.exit(NOT_EXECUTABLE)
