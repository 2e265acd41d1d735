"""YAML as a tree that knows the line and column of each value.

It is stricter than YAML: a key must be text and unique, and values that YAML 1.1 and 1.2 read
differently (``yes``, ``010``, ``1e3``, a date) are refused, so that all YAML readers agree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

Scalar = str | int | float | bool | None
Path = tuple[str | int, ...]

MOST_VALUES = 20_000
"""Limit for values after aliases are resolved: nine lines of aliases can mean a billion values."""
MOST_LEVELS = 20
MOST_DIGITS = 30

_TAG = "tag:yaml.org,2002:"
_AMBIGUOUS = "!ambiguous"
_PLAIN = tuple(
    (tag, re.compile(pattern))
    for tag, pattern in (
        (f"{_TAG}null", r"~|null|Null|NULL|"),
        (f"{_TAG}bool", r"true|True|TRUE|false|False|FALSE"),
        (f"{_TAG}int", r"0|-?[1-9][0-9]*"),
        (f"{_TAG}float", r"-?((0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?"),
        (_AMBIGUOUS, r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|=|<<"),
        (_AMBIGUOUS, r"[-+]?0[box][0-9a-fA-F_]+"),
        (_AMBIGUOUS, r"[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?"),
        (_AMBIGUOUS, r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
        (_AMBIGUOUS, r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"),
        (_AMBIGUOUS, r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?"),
    )
)
"""The tag of a plain scalar, given by the first pattern that matches all of it; else it is text."""


class Number(float):
    """A float that is shown as it is written in the file: 1.10 stays 1.10."""

    def __new__(cls, text: str) -> Number:
        """Return the number that the text of the file stands for."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, kw_only=True)
class Flaw:
    """A problem at one place of the text. Lines and columns count from 1."""

    line: int
    column: int
    path: Path
    message: str


class NotYaml(Exception):
    """The text is not YAML, or has a problem that makes the rest unreadable."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A value, with its line and column and those of its key."""

    path: Path
    line: int
    column: int
    key_line: int
    key_column: int
    value: dict[str, Tree] | list[Tree] | Scalar

    def plain(self) -> object:
        """Return the value without lines and columns."""
        match self.value:
            case dict():
                return {key: child.plain() for key, child in self.value.items()}
            case list():
                return [child.plain() for child in self.value]
        return self.value

    def deepest(self, path: Path) -> tuple[Tree, Path]:
        """Return the deepest tree that the path reaches, and the rest of the path."""
        tree = self
        for at, part in enumerate(path):
            match tree.value:
                case dict() if isinstance(part, str) and part in tree.value:
                    tree = tree.value[part]
                case list() if isinstance(part, int) and part < len(tree.value):
                    tree = tree.value[part]
                case dict() if part == 0:
                    continue  # the short form of a list of one
                case _:
                    return tree, path[at:]
        return tree, ()

    def prune(self, wrong: Collection[int]) -> None:
        """Remove the branches whose ``id`` is in ``wrong``; the others keep their paths."""
        match self.value:
            case dict():
                for key in [key for key, child in self.value.items() if id(child) in wrong]:
                    del self.value[key]
                children = list(self.value.values())
            case list():
                self.value[:] = [child for child in self.value if id(child) not in wrong]
                children = self.value
            case _:
                return
        for child in children:
            child.prune(wrong)


def parse(text: str) -> tuple[Tree, list[Flaw]]:
    """Return the tree without its flawed values, and the flaws.

    Raises:
        NotYaml: The text is not YAML, or is too large or nested too deeply.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise NotYaml(_syntax_flaw(text, error)) from None
    except RecursionError:
        raise NotYaml(_at_start("values are nested too deeply")) from None
    except (ValueError, OverflowError):
        raise NotYaml(_at_start(r"a \U escape does not stand for any character")) from None
    if root is None:
        raise NotYaml(_at_start("the file is empty"))
    growth = _Growth()
    try:
        return growth.tree(root, (), root), growth.flaws
    except _Flawed as flawed:
        raise NotYaml(flawed.flaw) from None


class _Loader(yaml.SafeLoader):
    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: object) -> str:
        if kind is yaml.ScalarNode and isinstance(implicit, tuple) and implicit[0]:
            found = (tag for tag, pattern in _PLAIN if pattern.fullmatch(value or ""))
            return next(found, f"{_TAG}str")
        default: dict[object, str] = {
            yaml.ScalarNode: "str",
            yaml.SequenceNode: "seq",
            yaml.MappingNode: "map",
        }
        return _TAG + default[kind]


class _Growth:
    """Builder of a tree from PyYAML's nodes. A node with aliases becomes a branch for each."""

    def __init__(self) -> None:
        self.flaws: list[Flaw] = []
        self.values = 0

    def tree(self, node: yaml.Node, path: Path, key: yaml.Node) -> Tree:
        self.values += 1
        if len(path) > MOST_LEVELS:
            raise NotYaml(_flaw(node, path[:1], "values are nested too deeply"))
        if self.values > MOST_VALUES:
            raise NotYaml(_flaw(node, path[:1], f"there are more than {MOST_VALUES} values"))
        match node:
            case yaml.MappingNode() if node.tag == f"{_TAG}map":
                value: dict[str, Tree] | list[Tree] | Scalar = self._mapping(node, path)
            case yaml.SequenceNode() if node.tag == f"{_TAG}seq":
                value = self._list(node, path)
            case yaml.ScalarNode():
                value = _scalar(node, path)
            case _:
                raise _Flawed(_flaw(node, path, f"the tag {node.tag!r} is not supported"))
        return Tree(
            path=path,
            line=node.start_mark.line + 1,
            column=node.start_mark.column + 1,
            key_line=key.start_mark.line + 1,
            key_column=key.start_mark.column + 1,
            value=value,
        )

    def _list(self, node: yaml.SequenceNode, path: Path) -> list[Tree]:
        found = []
        for index, item in enumerate(node.value):
            try:
                found.append(self.tree(item, (*path, index), item))
            except _Flawed as flawed:
                self.flaws.append(flawed.flaw)
        return found

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Tree]:
        found: dict[str, Tree] = {}
        for key_node, value_node in node.value:
            try:
                key = _new_key(key_node, path, found)
                found[key] = self.tree(value_node, (*path, key), key_node)
            except _Flawed as flawed:
                self.flaws.append(flawed.flaw)
        return found


class _Flawed(Exception):
    def __init__(self, flaw: Flaw) -> None:
        self.flaw = flaw


def _new_key(node: yaml.Node, path: Path, others: Mapping[str, Tree]) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise _Flawed(_flaw(node, (*path, "?"), "a key must be text"))
    here = (*path, str(node.value))
    if node.tag == _AMBIGUOUS and node.value == "<<":
        message = "merging keys with << is not supported: use an alias for each value"
        raise _Flawed(_flaw(node, here, message))
    key = _scalar(node, here)
    if not isinstance(key, str):
        raise _Flawed(_flaw(node, here, "a key must be text: write a number in quotes"))
    if key in others:
        first = others[key].key_line
        raise _Flawed(_flaw(node, here, f"this key is already in line {first}"))
    return key


def _scalar(node: yaml.ScalarNode, path: Path) -> Scalar:
    text: str = node.value
    match node.tag.removeprefix(_TAG):
        case "str":
            try:
                text.encode()
            except UnicodeEncodeError:
                message = r"this is half of a character: write \U and eight digits, not two \u"
                raise _Flawed(_flaw(node, path, message)) from None
            return text
        case "null" if text in ("", "~", "null", "Null", "NULL"):
            return None
        case "bool" if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case "int" if re.fullmatch(r"-?[0-9]+", text):
            if len(text) > MOST_DIGITS:
                raise _Flawed(_flaw(node, path, f"the number has more than {MOST_DIGITS} digits"))
            return int(text)
        case "float" if re.fullmatch(r"-?[0-9.]+([eE][-+]?[0-9]+)?", text):
            return _number(node, path)
        case "!ambiguous":
            raise _Flawed(_flaw(node, path, _ambiguity(text)))
    message = f"the tag {node.tag!r} is not supported, or not for this value"
    raise _Flawed(_flaw(node, path, message))


def _number(node: yaml.ScalarNode, path: Path) -> Number:
    try:
        return Number(node.value)
    except ValueError:
        raise _Flawed(_flaw(node, path, f"{node.value} is not a number")) from None


def _ambiguity(text: str) -> str:
    instead = f'for text, write "{text}" in quotes'
    if text.lower() in ("yes", "on"):
        instead += "; for a boolean, write true"
    elif text.lower() in ("no", "off"):
        instead += "; for a boolean, write false"
    elif text not in ("=", "<<") and not re.search("[0-9][-:]", text):
        instead += "; for a number, write a plain decimal number"
    return f"YAML readers disagree about {text}: {instead}"


def _flaw(node: yaml.Node, path: Path, message: str) -> Flaw:
    mark = node.start_mark
    return Flaw(line=mark.line + 1, column=mark.column + 1, path=path, message=message)


def _at_start(message: str) -> Flaw:
    return Flaw(line=1, column=1, path=(), message=message)


def _syntax_flaw(text: str, error: yaml.YAMLError) -> Flaw:
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        return Flaw(
            line=before.count("\n") + 1,
            column=error.position - (before.rfind("\n") + 1) + 1,
            path=(),
            message=f"the character {text[error.position : error.position + 1]!a} is not allowed",
        )
    assert isinstance(error, yaml.MarkedYAMLError)  # noqa: S101 (what the parser raises)
    mark = error.problem_mark or error.context_mark
    message = f"this is not YAML: {error.problem or error.context or error}"
    if "'\\t'" in message:
        message = "YAML does not allow tabs for indentation: use spaces"
    elif "but found another document" in message:
        message = "a second document begins here: a file has only one"
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Flaw(line=line, column=column, path=(), message=message)
