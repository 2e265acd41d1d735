"""CONTRIBUTING.md's map of the rooms is the house as it stands."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "condor_mini"
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
MAP = TEXT.partition("| room | its job |")[2].partition("Which file to open")[0]
FILES = TEXT.partition("| to change | open |")[2].partition("\n\n")[0]


def rooms_of_the_map() -> list[list[str]]:
    """Each row's rooms, from the top."""
    rows = [line.split("|")[1] for line in MAP.splitlines()[2:] if line.startswith("|")]
    return [re.findall(r"`([a-z_]+)(?:/|\.py)`", row) for row in rows]


def test_every_room_is_in_the_map() -> None:
    """The map has each folder of the package, and the modules beside them that are no room."""
    folders = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    modules = {path.stem for path in SOURCE.glob("*.py") if not path.name.startswith("_")}
    assert {room for row in rooms_of_the_map() for room in row} == folders | modules


def test_the_map_is_the_contract() -> None:
    """The rows of the map stand in the order in which import-linter lets them import."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    rows = [sorted(row) for row in rooms_of_the_map()]
    assert rows == [sorted(layer.split(" | ")) for layer in layers if layer != "_version"]


@pytest.mark.parametrize("path", re.findall(r"`(\w[\w./-]*/[\w./-]*)`", FILES))
def test_named_files_are_there(path: str) -> None:
    """Each file that CONTRIBUTING.md sends somebody to exists, or is a pattern of some that do."""
    pattern = re.sub(r"ROLE|COMMAND", "*", path)
    assert list(SOURCE.glob(pattern)), f"there is no {path}"
