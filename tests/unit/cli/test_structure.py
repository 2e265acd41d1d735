"""The commands and their options, which scripts rely on.

With UPDATE_GOLDEN=1 in the environment ``golden/commands.txt`` is written again: read the
difference. A line that goes, or changes, breaks somebody's script.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.testing import CliRunner

from condor_mini.cli import COMMANDS, cli

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = Path(__file__).parent / "golden/commands.txt"


def commands(
    command: click.Command, name: str, above: click.Context | None
) -> Iterator[click.Context]:
    """Yield a command and all that are below it."""
    context = click.Context(command, above, info_name=name, **command.context_settings)
    yield context
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            assert below is not None
            yield from commands(below, word, context)


def described(parameter: click.Parameter) -> str:
    """Return what a script has to know of a parameter: its names, and what it takes."""
    many = " ..." if parameter.multiple or parameter.nargs == -1 else ""
    value = "VALUE"
    if isinstance(parameter.type, click.Choice):
        value = "|".join(str(choice) for choice in parameter.type.choices)
    if isinstance(parameter, click.Argument):
        optional = "" if parameter.required else ", optional"
        return f"argument {value}{many}{optional}"
    assert isinstance(parameter, click.Option)
    names = " ".join([*parameter.opts, *parameter.secondary_opts])
    if parameter.is_flag:
        return names
    required = ", required" if parameter.required else ""
    return f"{names} {value}{many}{required}"


def structure() -> str:
    """Return every command with its parameters, a line each."""
    lines = []
    for context in commands(cli, "condor-mini", None):
        # Not get_params: a command keeps the help option that it had when it was first used.
        parameters = [described(each) for each in context.command.params]
        parameters.append(" ".join(context.help_option_names))
        lines += [context.command_path, *(f"  {line}" for line in parameters)]
    return "".join(f"{line}\n" for line in lines)


def test_commands_and_options_stay() -> None:
    """Every command has the options that it had, and takes what it took."""
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(structure(), encoding="utf-8")
    assert structure() == GOLDEN.read_text("utf-8")


def test_help_lists_the_commands_whatever_was_loaded() -> None:
    """A command's module is an attribute of the package: none of them hides a name that is used."""
    for name in COMMANDS:
        import_module(f"condor_mini.cli.{name.replace('-', '_')}")
    result = CliRunner().invoke(cli, ["--help"])
    assert (result.exit_code, "  list " in result.output) == (0, True)
