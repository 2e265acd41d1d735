"""Scripts of recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.docs.pages import PAGES

from website.markup import named_recordings
from website.recordings import scripts
from website.script import Script, Step

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
A title
- before one
$ first
5$ second with words
> inside
> exit
+ after
"""


def test_script(tmp_path: Path) -> None:
    """A script has a title, steps with what is typed inside, and what is run around them."""
    path = tmp_path / "name.txt"
    path.write_text(TEXT)
    assert Script.read(path) == Script(
        name="name",
        title="A title",
        before=("before one",),
        steps=(
            Step(command="first"),
            Step(command="second with words", status=5, inside=("inside", "exit")),
        ),
        after=("after",),
    )


@pytest.mark.parametrize("line", ["first", "$first", "> inside", "x$ first", ""])
def test_bad_line(tmp_path: Path, line: str) -> None:
    """A line that is no step is named, with its number."""
    path = tmp_path / "name.txt"
    path.write_text(f"A title\n{line}\n")
    with pytest.raises(ValueError, match=r"name.txt:2: this is no step of a recording"):
        Script.read(path)


def test_every_recording_is_on_a_page() -> None:
    """Each page shows recordings that there are, and each recording is on one page."""
    shown = [name for page in PAGES for name in named_recordings(page.read_text("utf-8"))]
    assert sorted(shown) == sorted(script.name for script in scripts())


@pytest.mark.parametrize("script", scripts(), ids=lambda script: script.name)
def test_what_is_made_is_deleted(script: Script) -> None:
    """A recording that creates a pool of nodes deletes it whatever happens."""
    commands = [*script.before, *(step.command for step in script.steps)]
    creates = any(command.startswith("condor-mini create") for command in commands)
    assert creates is ("condor-mini delete" in script.after)
