"""What the page for people of other tools says to type here can be typed."""

from __future__ import annotations

import re
import shlex

import click
import htcondor2.personal
import pytest
from tests.docs.pages import DOCS

import condor_mini
from condor_mini.cli import cli

PAGE = (DOCS / "how-to/coming-from.md").read_text("utf-8")
CODE = re.compile(r"`([^`]+)`")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
HERE = [code for row in ROWS for code in CODE.findall(row[-1])]
TYPED = sorted({code for code in HERE if re.match(r"condor-mini |\./(run|build)\b", code)})
INNER = re.compile(r"\$\(condor-mini ([^)]*)\)")
TO_HERE = {"./run": "run", "./build": "build"}


def section(title: str) -> str:
    """Return the text of a section."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def parsed(line: str) -> click.Command:
    """Return the command of a line, after its options have been looked up and its words counted."""
    first, *words = shlex.split(line)
    if first in TO_HERE:
        words = [TO_HERE[first], *words]
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, f"{line}: there is no {name}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    values, left, _ = command.make_parser(context).parse_args(words)
    needed = [
        each.name
        for each in command.params
        if isinstance(each, click.Argument) and each.required and not values.get(str(each.name))
    ]
    assert (left, needed) == ([], []), line
    return command


@pytest.mark.parametrize("line", TYPED)
def test_commands(line: str) -> None:
    """Each command is one of ours, with options and arguments that it has."""
    assert parsed(line).name


def test_commands_in_quotes() -> None:
    """So is each command in a substitution."""
    inner = [command for code in HERE for command in INNER.findall(code)]
    assert [parsed(f"condor-mini {command}").name for command in inner] == ["env"]


def test_tables_are_read() -> None:
    """The tables have as many commands as it seems."""
    assert len(TYPED) > 40


def test_personal_pool_of_the_bindings() -> None:
    """What the page names of ``PersonalPool`` is in HTCondor's bindings."""
    there = " ".join(
        code
        for row in ROWS
        if len(row) == 2
        for code in CODE.findall(row[0])
        if row[0] in section("PersonalPool")
    )
    named = set(re.findall(r"\bpool\.(\w+)", there)) | set(re.findall(r"`(\w+)\(\)`", there))
    assert len(named) > 6
    assert named <= set(dir(htcondor2.personal.PersonalPool))
    options = set(re.findall(r"PersonalPool\((\w+)=", there))
    assert options <= set(htcondor2.personal.PersonalPool.__init__.__annotations__)


def test_our_pool() -> None:
    """What it names of ``Pool`` is ours."""
    here = [row[-1] for row in ROWS if row[0] in section("PersonalPool")]
    named = {name for cell in here for name in re.findall(r"\b[Pp]ool\.(\w+)", cell)}
    assert len(named) > 6
    assert named <= set(dir(condor_mini.Pool))
    assert condor_mini.PoolSpec(config="NUM_CPUS = 8").config == "NUM_CPUS = 8\n"
