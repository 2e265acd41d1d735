"""The reference of the commands with every option, made from the commands themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from condor_mini.cli import COMMANDS, cli
from website.rst import directive, heading, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

LEVELS = "=-~"
NO_WRAP = "\b"
"""How click marks a paragraph whose lines stay as they are."""
INTRODUCTION = """\
What ``--help`` prints of each command. :doc:`commands` is the overview.
"""
_PAGE = re.compile(r"\bdocs/([\w/-]+)\.md\b")
_QUOTED = re.compile(r"`([^`]+)`")


def options_page() -> str:
    """Return the page with every option of each command, in reStructuredText."""
    context = click.Context(cli, info_name="condor-mini")
    sections = (text for name in COMMANDS for text in _sections(name, context, level=1))
    return "\n".join([heading("Every option"), INTRODUCTION, *sections])


def _sections(name: str, parent: click.Context, *, level: int) -> Iterator[str]:
    """Yield the section of a command, and below it those of the commands that it has."""
    assert isinstance(parent.command, click.Group)
    command = parent.command.get_command(parent, name)
    assert command is not None
    context = click.Context(command, info_name=name, parent=parent)
    yield heading(f"{context.command_path}", LEVELS[level])
    yield "::\n\n   " + " ".join(command.get_usage(context).split()).removeprefix("Usage: ") + "\n"
    yield from _paragraphs(command.help or "")
    yield directive("program", context.command_path)
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record:
            names, text = record
            yield directive("option", names.replace(" / ", ", "), _text(text))
    yield from _paragraphs(command.epilog or "")
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield from _sections(below, context, level=level + 1)


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        first, _, rest = paragraph.partition("\n")
        if first.strip() == NO_WRAP:
            yield "::\n\n" + "\n".join(f"   {line}" for line in rest.splitlines()) + "\n"
        elif paragraph:
            yield _text(" ".join(paragraph.split())) + "\n"


def _text(text: str) -> str:
    """Return a text of a help with what it quotes as code."""
    parts = _QUOTED.split(text)
    parts = [f"``{part}``" if place % 2 else plain(part) for place, part in enumerate(parts)]
    return _PAGE.sub(r":doc:`/\1`", "".join(parts))
