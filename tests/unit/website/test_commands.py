"""The reference of the commands has all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from website.commands import options_page
from website.rst import directive, plain

GOLDEN = Path(__file__).parents[1] / "cli/golden/commands.txt"
PAGE = options_page()
"""Loads all commands, once."""


def documented() -> dict[str, set[str]]:
    """Return the options on the page, by command."""
    found: dict[str, set[str]] = {}
    for part in re.split(r"(?m)^\.\. program:: ", PAGE)[1:]:
        names = re.findall(r"(?m)^\.\. option:: (.+)$", part)
        options = {option for name in names for option in re.findall(r"--?[a-z][a-z-]*", name)}
        found[part.splitlines()[0]] = options
    return found


def test_every_command_and_option() -> None:
    """The page has what the list has that the command line's own tests keep, but for ``--help``."""
    expected: dict[str, set[str]] = {}
    for line in GOLDEN.read_text().splitlines():
        if not line.startswith(" "):
            expected[line] = options = set()
        elif not line.strip().startswith("argument"):
            options |= set(re.findall(r"--?[a-z][a-z-]*", line)) - {"-h", "--help"}
    del expected["condor-mini"]  # its own options are those of no command
    assert documented() == expected


def test_usage_and_text() -> None:
    """A command has its usage, what it does, and the text of each option."""
    start = PAGE.index("condor-mini delete\n---")
    section = PAGE[start : PAGE.index("\ncondor-mini ", start + 30)]
    assert "condor-mini delete [OPTIONS] [NAME]" in section
    assert "Delete a pool: its nodes, network and volumes, with all jobs." in section
    assert "Delete every pool, personal pools too." in section


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a*b_c", r"a\*b\_c"), ("`x` | <y>", r"\`x\` \| \<y\>"), ("plain text.", "plain text.")],
)
def test_plain(text: str, expected: str) -> None:
    """What means something to reStructuredText is escaped."""
    assert plain(text) == expected


def test_directive() -> None:
    """A directive has its options, then its text, both indented."""
    assert directive("option", "-n", "Name.", (":x:",)) == (".. option:: -n\n   :x:\n\n   Name.\n")
