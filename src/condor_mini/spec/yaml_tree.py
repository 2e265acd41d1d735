"""YAML as a tree that knows where each value stands.

Stricter than YAML: a key is text and stands once, and what YAML 1.1 and 1.2 read differently
(``yes``, ``010``, ``1e3``, a date) is refused, so that every reader agrees with us.
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
"""After aliases are resolved: nine lines of aliases can stand for a billion values."""
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
"""What a plain scalar is, by the first pattern that matches all of it; text if none does."""


class Number(float):
    """A float that is shown as it was written: 1.10 is 1.10."""

    def __new__(cls, text: str) -> Number:
        """From the text of the file."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, kw_only=True)
class Flaw:
    """What is wrong at a place of the text. Lines and columns count from 1."""

    line: int
    column: int
    path: Path
    message: str


class NotYaml(Exception):
    """A text that is no YAML, or none that can be read on."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A value, and where it and its key stand."""

    path: Path
    line: int
    column: int
    key_line: int
    key_column: int
    value: dict[str, Tree] | list[Tree] | Scalar

    def plain(self) -> object:
        """The value without its places."""
        match self.value:
            case dict():
                return {key: child.plain() for key, child in self.value.items()}
            case list():
                return [child.plain() for child in self.value]
        return self.value

    def deepest(self, path: Path) -> tuple[Tree, Path]:
        """As far as the path leads into this tree, and what is left of it."""
        tree = self
        for at, part in enumerate(path):
            match tree.value:
                case dict() if isinstance(part, str) and part in tree.value:
                    tree = tree.value[part]
                case list() if isinstance(part, int) and part < len(tree.value):
                    tree = tree.value[part]
                case _:
                    return tree, path[at:]
        return tree, ()

    def prune(self, wrong: Collection[int]) -> None:
        """Take out the branches that have these ``id``; the others keep their paths."""
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
    """The tree without the values that are flawed, and the flaws.

    Raises:
        NotYaml: There is no tree.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise NotYaml(_syntax_flaw(text, error)) from None
    except RecursionError:
        raise NotYaml(_at_start("values lie too deep in one another")) from None
    except (ValueError, OverflowError):
        raise NotYaml(_at_start(r"there is a \U escape that stands for no character")) from None
    if root is None:
        raise NotYaml(_at_start("there is nothing in it"))
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
    """Makes a tree of PyYAML's nodes. A node that has aliases becomes a branch for each."""

    def __init__(self) -> None:
        self.flaws: list[Flaw] = []
        self.values = 0

    def tree(self, node: yaml.Node, path: Path, key: yaml.Node) -> Tree:
        self.values += 1
        if len(path) > MOST_LEVELS:
            raise NotYaml(_flaw(node, path[:1], "values lie too deep in one another"))
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
                raise _Flawed(_flaw(node, path, f"the tag {node.tag!r} is not known here"))
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
        raise _Flawed(_flaw(node, here, "keys are not merged by <<: use an alias for each value"))
    key = _scalar(node, here)
    if not isinstance(key, str):
        raise _Flawed(_flaw(node, here, "a key must be text; a number must be in quotes"))
    if key in others:
        first = others[key].key_line
        raise _Flawed(_flaw(node, here, f"this key stands in line {first} already"))
    return key


def _scalar(node: yaml.ScalarNode, path: Path) -> Scalar:
    text: str = node.value
    match node.tag.removeprefix(_TAG):
        case "str":
            try:
                text.encode()
            except UnicodeEncodeError:
                message = r"half of a character: write \U and eight digits in place of two \u"
                raise _Flawed(_flaw(node, path, message)) from None
            return text
        case "null" if text in ("", "~", "null", "Null", "NULL"):
            return None
        case "bool" if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case "int" if re.fullmatch(r"-?[0-9]+", text):
            if len(text) > MOST_DIGITS:
                raise _Flawed(_flaw(node, path, f"a number of more than {MOST_DIGITS} digits"))
            return int(text)
        case "float" if re.fullmatch(r"-?[0-9.]+([eE][-+]?[0-9]+)?", text):
            return _number(node, path)
        case "!ambiguous":
            raise _Flawed(_flaw(node, path, _ambiguity(text)))
    message = f"the tag {node.tag!r} is not known here, or not for this value"
    raise _Flawed(_flaw(node, path, message))


def _number(node: yaml.ScalarNode, path: Path) -> Number:
    try:
        return Number(node.value)
    except ValueError:
        raise _Flawed(_flaw(node, path, f"{node.value} is no number")) from None


def _ambiguity(text: str) -> str:
    instead = f'write "{text}", in quotes, for text'
    if text.lower() in ("yes", "on"):
        instead += ", or true"
    elif text.lower() in ("no", "off"):
        instead += ", or false"
    elif text not in ("=", "<<") and not re.search("[0-9][-:]", text):
        instead += ", or a plain decimal number"
    return f"{text} is not the same to all readers of YAML: {instead}"


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
    message = f"this is no YAML: {error.problem or error.context or error}"
    if "'\\t'" in message:
        message = "a tab cannot indent: use spaces"
    elif "but found another document" in message:
        message = "a second document begins here: a pool file is one"
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Flaw(line=line, column=column, path=(), message=message)
