"""``condor-mini env``: print the environment with which HTCondor's clients use a pool."""

from __future__ import annotations

import os
import shlex
from pathlib import PurePath
from typing import TYPE_CHECKING

import click

from condor_mini.cli.options import (
    PoolCommand,
    access_point_option,
    engine_option,
    name_option,
    output_option,
    pool_named,
    show_json,
    tools_option,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

SHELLS = ("bash", "zsh", "fish")


@click.command("env", cls=PoolCommand)
@name_option
@access_point_option
@click.option(
    "--shell",
    type=click.Choice(SHELLS),
    help="Print commands for this shell. The default is the one that SHELL names, else bash.",
)
@tools_option
@click.option("--unset", is_flag=True, help="Print commands that undo this.")
@output_option
@engine_option
def command(
    *,
    name: str,
    access_point: str | None,
    shell: str | None,
    with_tools: bool,
    unset: bool,
    output: str,
    engine: str | None,
) -> None:
    """Print shell commands that make HTCondor's clients on this machine use a pool.

    \b
    bash, zsh: eval "$(condor-mini env)"
    fish:      condor-mini env | source

    The configuration and a token for you are kept below your state directory. `delete` removes
    them. Your own HTCondor configuration is neither read nor changed.
    """  # noqa: D301 (click's mark: it does not join these lines)
    from condor_mini.base.progress import progress_for_stderr

    chosen = shell or _callers_shell()
    if unset:
        click.echo("set -e CONDOR_CONFIG;" if chosen == "fish" else "unset CONDOR_CONFIG;")
        return
    pool = pool_named(name, engine, "condor_mini.client.files")
    variables = pool.client_environment(
        access_point, tools=with_tools, progress=progress_for_stderr()
    )
    if output == "json":
        show_json(variables)
    else:
        click.echo("\n".join(_exports(variables, chosen)))


def _callers_shell() -> str:
    name = PurePath(os.environ.get("SHELL", "")).name
    return name if name in SHELLS else SHELLS[0]


def _exports(variables: Mapping[str, str], shell: str) -> list[str]:
    if shell == "fish":
        return [f"set -gx {key} {_fish(key, value)};" for key, value in variables.items()]
    return [f"export {key}={shlex.quote(value)};" for key, value in variables.items()]


def _fish(key: str, value: str) -> str:
    """Return a value as fish reads it: PATH is a list there."""
    words = value.split(os.pathsep) if key == "PATH" else [value]
    quoted = (word.replace("\\", "\\\\").replace("'", "\\'") for word in words)
    return " ".join(f"'{word}'" for word in quoted)
