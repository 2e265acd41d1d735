"""The public names of the package are complete, in order and documented."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import re
from pathlib import Path

import pytest

import condor_mini
from condor_mini.base import errors
from condor_mini.jobs.tracking import Submission
from condor_mini.members.membership import Members
from condor_mini.nodes.node import Node
from condor_mini.personal.pool import PersonalPool
from condor_mini.pool import Pool

NAMES = [name for name in condor_mini.__all__ if name != "__version__"]
IN_HAND = (Pool, PersonalPool, Node, Submission, Members)
"""The classes whose methods a program calls."""
RAISES = re.compile(r"\n\s*Raises:\n(.*?)(?:\n\s*\n|\Z)", re.DOTALL)


def tree_of(module: str) -> ast.Module:
    """Return the syntax tree of a module."""
    file = importlib.import_module(module).__file__
    assert file is not None
    return ast.parse(Path(file).read_text("utf-8"))


def ours(module: str) -> dict[str, str]:
    """Return the names of this package's that a module has, each with the module it is from."""
    tree = tree_of(module)
    found = {
        alias.asname or alias.name: node.module or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    found |= {node.name: module for node in tree.body if isinstance(node, ast.ClassDef)}
    return {name: source for name, source in found.items() if source.startswith("condor_mini")}


def methods(kind: type) -> dict[str, ast.FunctionDef]:
    """Return the public methods and properties of a class, inherited ones too."""
    found: dict[str, ast.FunctionDef] = {}
    for base in inspect.getmro(kind):
        if not base.__module__.startswith("condor_mini"):
            continue
        (body,) = (
            node.body
            for node in tree_of(base.__module__).body
            if isinstance(node, ast.ClassDef) and node.name == base.__name__
        )
        for node in body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                found.setdefault(f"{base.__module__}:{node.name}", node)
    return found


def returned(kind: type) -> set[str]:
    """Return the names of ours that stand in what public methods and properties return."""
    return {
        word.id
        for place, method in methods(kind).items()
        if method.returns is not None
        for word in ast.walk(method.returns)
        if isinstance(word, ast.Name) and word.id in ours(place.partition(":")[0])
    }


def raised(kind: type) -> set[str]:
    """Return the errors that the docstrings of public methods and properties name."""
    texts = [ast.get_docstring(method) or "" for method in methods(kind).values()]
    sections = [section for text in texts for section in RAISES.findall(f"\n{text}")]
    words = {word for section in sections for word in re.findall(r"(?m)^\s*(\w+): ", section)}
    return words - set(dir(builtins))


def test_public_names_are_sorted() -> None:
    """The public names are in order."""
    assert condor_mini.__all__ == sorted(condor_mini.__all__)


@pytest.mark.parametrize("name", condor_mini.__all__)
def test_public_name_is_there(name: str) -> None:
    """Each public name can be had."""
    assert getattr(condor_mini, name) is not None


@pytest.mark.parametrize("name", NAMES)
def test_public_name_is_documented(name: str) -> None:
    """Each public name has a docstring of its own."""
    thing = getattr(condor_mini, name)
    if inspect.isclass(thing):
        assert vars(thing).get("__doc__")
        return
    body = tree_of(f"condor_mini.{condor_mini._LOADED_WHEN_ASKED_FOR[name]}").body
    (after,) = (
        body[place + 1]
        for place, node in enumerate(body)
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name
    )
    assert isinstance(after, ast.Expr)
    assert isinstance(after.value, ast.Constant)


def test_type_checkers_see_the_same_names() -> None:
    """What is imported for type checkers is what is loaded when it is asked for."""
    (checked,) = (
        node
        for node in tree_of("condor_mini").body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    seen = {
        alias.name: (node.module or "").removeprefix("condor_mini.")
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == condor_mini._LOADED_WHEN_ASKED_FOR
    assert sorted(seen) == NAMES


@pytest.mark.parametrize("kind", IN_HAND)
def test_what_is_returned_is_public(kind: type) -> None:
    """What a program gets from a method or a property can be named in its annotations."""
    assert returned(kind) <= set(NAMES)


@pytest.mark.parametrize("kind", IN_HAND)
def test_what_is_raised_is_public(kind: type) -> None:
    """Each error that a docstring names can be caught by its name."""
    assert raised(kind) <= set(NAMES)


def test_annotations_and_docstrings_are_read() -> None:
    """The two tests above see what there is to see."""
    found = {name for kind in IN_HAND for name in returned(kind) | raised(kind)}
    assert {"Node", "PoolStatus", "LogLine", "ClassAd", "JobFailed", "CreatedToken"} <= found


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__
    ],
)
def test_every_error_is_public(name: str) -> None:
    """The whole tree of errors is public, with what they hold."""
    assert getattr(condor_mini, name) is getattr(errors, name)


def test_unknown_name_is_an_attribute_error() -> None:
    """A name that is not public is Python's usual error."""
    with pytest.raises(AttributeError, match="module 'condor_mini' has no attribute 'Nope'"):
        _ = condor_mini.Nope  # type: ignore[attr-defined]
