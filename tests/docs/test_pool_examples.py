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


PAGES = scenarios("pool")
FIRST = {"README.md", "pool-of-nodes.md", "back-up-and-upgrade.md", "test-with-faults.md"}
"""The pages that are always run on a container engine: one needs it. The others are run without
one, which is quicker, and with --slow on both."""


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=name_of(page), marks=() if page.name in FIRST else pytest.mark.slow)
        for page in PAGES
    ],
)
def test_pool(page: Path, clone: Path) -> None:
    """Each command for a pool of nodes gives what stands below it, but for the seconds."""
    follow(page, "auto", clone)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in FIRST], ids=name_of)
def test_pool_without_an_engine(page: Path, clone: Path) -> None:
    """Without a container engine they give the same."""
    follow(page, "embedded", clone)


def follow(page: Path, engine: str, clone: Path) -> None:
    """Type in what a page says of a pool, and compare what comes out."""
    name = f"docs-{uuid.uuid4().hex[:6]}"
    environment = {"CONDOR_MINI_NAME": name, "CONDOR_MINI_ENGINE": engine}
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
        Pool(find_engine(engine), name).delete()


def test_readme_shows_a_pool() -> None:
    """README's pool of nodes is among them, from its creation to its end."""
    commands = [c.script for example in of_kind("pool", README) for c in example.commands]
    assert (commands[0], commands[-1]) == ("condor-mini create --execute 3", "condor-mini delete")
