"""Files that people write in YAML: read into a model, or into all problems of the file."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import ValidationError

from condor_mini.base.errors import DocumentError, NotFound, Problem
from condor_mini.spec import yaml_tree
from condor_mini.spec.base import Part, Reading, shown_path
from condor_mini.spec.problems import spec_problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from condor_mini.spec.base import Location
    from condor_mini.spec.problems import SpecProblem
    from condor_mini.spec.yaml_tree import Flaw, Tree

STDIN = "-"
VERSION = 1
MOST_BYTES = 256 * 1024
M = TypeVar("M", bound=Part)


@dataclass(frozen=True, kw_only=True)
class Source:
    """The text of a file, its name in messages, and what its relative paths are relative to."""

    text: str
    name: str
    base: Path
    """An absolute path."""


@dataclass(frozen=True, kw_only=True)
class Document(Generic[M]):
    """A kind of files: what they are called, their model, and the error for their problems."""

    words: str
    """What such a file is called: ``pool file``."""
    model: type[M]
    error: type[DocumentError]
    example: str
    """A first line of such a file, for the message that says what it is."""

    def read(self, file: str | os.PathLike[str]) -> Source:
        """Return the text of a file, or of stdin for ``-``.

        Relative paths of the host are relative to the file, or to the current directory for stdin.

        Raises:
            DocumentError: The file cannot be read, is too large, or is not UTF-8.
            NotFound: There is no such file.
        """
        name = os.fspath(file)
        try:
            if name == STDIN:
                content = sys.stdin.buffer.read(MOST_BYTES + 1)
            else:
                with Path(name).open("rb") as opened:
                    content = opened.read(MOST_BYTES + 1)
        except FileNotFoundError:
            raise NotFound(f"there is no {self.words} {name}") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise self.error(name, [whole(f"cannot be read: {reason}")]) from None
        if len(content) > MOST_BYTES:
            raise self.error(name, [whole(f"is larger than {MOST_BYTES // 1024} KiB")])
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
            problem = Problem(
                line=line, column=column, path="", message=f"is not UTF-8: {error.reason}"
            )
            raise self.error(name, [problem]) from None
        base = Path.cwd() if name == STDIN else Path(name).absolute().parent
        return Source(text=text, name=name, base=base)

    def load(self, source: Source) -> M:
        """Return what a text says.

        Raises:
            DocumentError: The text has mistakes; lists all of them, with line and column.
        """
        try:
            tree, flaws = yaml_tree.parse(source.text)
        except yaml_tree.NotYaml as error:
            raise self.error(source.name, [_flaw(error.flaw)]) from None
        if not isinstance(tree.value, dict):
            message = f"a {self.words} is a mapping of keys to values, for example {self.example}"
            raise self.error(source.name, [_value_problem(tree, message)])
        version = tree.value.get("version")
        if version is not None and isinstance(version.value, int) and version.value != VERSION:
            message = f"this condor-mini reads version {VERSION} of the format, not {version.value}"
            raise self.error(source.name, [_value_problem(version, message)])
        found, problems = _validated(self.model, tree, flaws, source.base)
        if version is None and not any(flaw.path == ("version",) for flaw in flaws):
            problems.append(
                _value_problem(tree, f"the key version is missing: add version: {VERSION}")
            )
        if problems or found is None:
            raise self.error(source.name, problems)
        return found


def _validated(
    model: type[M], tree: Tree, flaws: list[Flaw], base: Path
) -> tuple[M | None, list[Problem]]:
    """Return the model, None if the tree is not valid, and all problems.

    Pydantic checks values against each other only if each value is valid. So values that are not
    valid are removed from the tree, and the rest is validated again.
    """
    problems = [_flaw(flaw) for flaw in flaws]
    removed = _Removed(flaw.path for flaw in flaws)
    while True:
        try:
            return model.model_validate(tree.plain(), context=Reading(base=base)), problems
        except ValidationError as error:
            found = [
                (problem, *tree.deepest(problem.location))
                for problem in spec_problems(model, error)
            ]
        new = [each for each in found if not removed.concerns((*each[1].path, *each[2]))]
        problems += [_spec_problem(problem, branch) for problem, branch, _ in new]
        wrong = [branch for _, branch, _ in found if branch is not tree]
        if not wrong:
            return None, problems
        removed.add(branch.path for branch in wrong)
        tree.prune({id(branch) for branch in wrong})


class _Removed:
    """The paths of removed values. A problem at or above such a path may only be a consequence."""

    def __init__(self, paths: Iterable[Location]) -> None:
        self._paths: set[Location] = set()
        self._above: set[Location] = set()
        self.add(paths)

    def add(self, paths: Iterable[Location]) -> None:
        for path in paths:
            self._paths.add(path)
            self._above |= {path[:length] for length in range(len(path) + 1)}

    def concerns(self, path: Location) -> bool:
        return path in self._above or any(
            path[:length] in self._paths for length in range(len(path) + 1)
        )


def _spec_problem(problem: SpecProblem, branch: Tree) -> Problem:
    return Problem(
        line=branch.key_line if problem.is_key else branch.line,
        column=branch.key_column if problem.is_key else branch.column,
        path=shown_path(branch.path),
        message=problem.message,
    )


def _value_problem(tree: Tree, message: str) -> Problem:
    return Problem(line=tree.line, column=tree.column, path=shown_path(tree.path), message=message)


def _flaw(flaw: Flaw) -> Problem:
    return Problem(
        line=flaw.line, column=flaw.column, path=shown_path(flaw.path), message=flaw.message
    )


def whole(message: str) -> Problem:
    """Return a problem of the file as a whole."""
    return Problem(line=None, column=None, path="", message=message)
