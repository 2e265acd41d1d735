"""The reference of the Python API: the public names of condor_mini, a page for each room."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel
from sphinx.pycode import ModuleAnalyzer

import condor_mini
from website.rst import directive, heading

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = "pool"
"""The page that most readers look for stands first."""
TITLES = {
    "base": "Errors",
    "chaos": "Scenarios",
    "client": "Clients",
    "engine": "Commands in nodes",
    "personal": "Personal pools",
    "pool": "Pools",
    "records": "Recordings",
    "spec": "Pool files",
}
"""What a page is called, if it is not the room's name."""
KEYS = {"PoolSpec": "/reference/pool-file", "Scenario": "/how-to/run-a-scenario"}
"""Where the keys of what is read from a file are explained."""


def api_pages() -> dict[str, str]:
    """Return the page of each room that has public names, in reStructuredText, by its name."""
    rooms = _rooms()
    order = sorted(rooms, key=lambda room: (room != FIRST, title(room)))
    return {room: _page(room, rooms[room]) for room in order}


def title(room: str) -> str:
    """Return the title of a room's page."""
    return TITLES.get(room, room.capitalize())


def _rooms() -> dict[str, list[str]]:
    """Return the public names of each room."""
    modules = _modules()
    rooms: dict[str, list[str]] = {}
    for name in condor_mini.__all__:
        if not name.startswith("_"):
            rooms.setdefault(modules[name].split(".")[1], []).append(name)
    return rooms


def _modules() -> dict[str, str]:
    """Return the module of each public name: an alias of a type does not know its own."""
    assert condor_mini.__file__ is not None
    tree = ast.parse(Path(condor_mini.__file__).read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def _page(room: str, names: list[str]) -> str:
    about = inspect.getdoc(import_module(f"condor_mini.{room}")) or ""
    return "\n".join(
        [
            heading(title(room)),
            about.splitlines()[0] + "\n",
            *(text for name in names for text in _entry(name)),
        ]
    )


def _entry(name: str) -> Iterator[str]:
    yield heading(name, "-")
    thing = getattr(condor_mini, name)
    if not inspect.isclass(thing):
        # An alias has the docstring of what it stands for; its own is only in the source.
        texts = ModuleAnalyzer.for_module(_modules()[name]).find_attr_docs()
        yield directive("py:data", f"condor_mini.{name}", "\n".join(texts["", name]))
        return
    options = [":members:", ":undoc-members:"]
    if issubclass(thing, BaseModel):
        yield f"Its keys are those of the file: :doc:`{KEYS[name]}`.\n"
        options.append(f":exclude-members: {', '.join(['model_config', *thing.model_fields])}")
    if issubclass(thing, BaseException):
        options.append(":show-inheritance:")
    else:
        options.append(":inherited-members: BaseModel, StrEnum, str, int, tuple, dict")
    yield directive("autoclass", f"condor_mini.{name}", options=tuple(options))
