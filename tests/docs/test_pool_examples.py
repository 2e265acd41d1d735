"""The examples with pools of nodes, in README.md and on the pages of docs."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from tests.docs.pages import README, Command, name_of, of_kind, scenarios
from tests.docs.typing_in import check, typed

from condor_mini.engines import find_engine
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("page", scenarios("pool"), ids=name_of)
def test_pool(page: Path, clone: Path) -> None:
    """Each command for a pool of nodes gives what stands below it, but for the seconds."""
    name = f"docs-{uuid.uuid4().hex[:6]}"
    environment = {"CONDOR_MINI_NAME": name}
    story = of_kind("pool", page)
    try:
        if "condor-mini create" not in story[0].text:
            typed(Command.of("condor-mini create"), clone, environment)
        for example in story:
            if example.language == "sh":
                script = example.text.replace("mini-submit-1", f"{name}-submit-1")
                typed(Command(script=script, typed=(), shown=()), clone, environment)
            for command in example.commands:
                output = typed(command, clone, environment)
                check(command, output.replace(f" -n {name}", "").replace(name, "mini"))
    finally:
        Pool(find_engine(), name).delete()


def test_readme_shows_a_pool() -> None:
    """README's pool of nodes is among them, from its creation to its end."""
    commands = [c.script for example in of_kind("pool", README) for c in example.commands]
    assert (commands[0], commands[-1]) == ("condor-mini create --execute 3", "condor-mini delete")
