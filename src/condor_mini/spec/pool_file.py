"""Reading a pool file: from YAML to a ``PoolSpec``, or to all problems of the file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from condor_mini.base.errors import NotFound, PoolFileError, Problem
from condor_mini.spec import PoolSpec, yaml_tree
from condor_mini.spec.base import Reading, shown_path
from condor_mini.spec.problems import spec_problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from condor_mini.spec.base import Location
    from condor_mini.spec.problems import SpecProblem
    from condor_mini.spec.yaml_tree import Flaw, Tree

STDIN = "-"
VERSION = 1
MOST_BYTES = 256 * 1024
MOST_STORED_BYTES = 100_000
"""Size limit of a stored spec.

The spec is stored in a label, which is an argument of a command line. Linux limits an argument to
128 KiB.
"""


def read_pool_file(file: str | os.PathLike[str]) -> PoolSpec:
    """Return the spec in a pool file, or in stdin for ``-``.

    Relative paths of the host are relative to the file, or to the current directory for stdin.

    Raises:
        PoolFileError: The file cannot be read or has mistakes; lists all of them.
        NotFound: There is no such file.
    """
    source = os.fspath(file)
    try:
        if source == STDIN:
            content = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(source).open("rb") as opened:
                content = opened.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no pool file {source}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PoolFileError(source, [_whole(f"cannot be read: {reason}")]) from None
    if len(content) > MOST_BYTES:
        raise PoolFileError(source, [_whole(f"is larger than {MOST_BYTES // 1024} KiB")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        message = f"is not UTF-8: {error.reason}"
        raise PoolFileError(
            source, [Problem(line=line, column=column, path="", message=message)]
        ) from None
    base = Path.cwd() if source == STDIN else Path(source).absolute().parent
    return load_pool_file(text, source=source, base=base)


def load_pool_file(text: str, *, source: str, base: Path) -> PoolSpec:
    """Return the spec in the text of a pool file.

    Args:
        text: Text of the pool file, YAML.
        source: Name of the pool file in messages.
        base: Absolute path of the directory that relative paths of the host are relative to.

    Raises:
        PoolFileError: The text has mistakes; lists all of them, with line and column.
    """
    try:
        tree, flaws = yaml_tree.parse(text)
    except yaml_tree.NotYaml as error:
        raise PoolFileError(source, [_flaw(error.flaw)]) from None
    if not isinstance(tree.value, dict):
        message = "a pool file is a mapping of keys to values, for example name: mini"
        raise PoolFileError(source, [_value_problem(tree, message)])
    version = tree.value.get("version")
    if version is not None and isinstance(version.value, int) and version.value != VERSION:
        message = f"this condor-mini reads version {VERSION} of the format, not {version.value}"
        raise PoolFileError(source, [_value_problem(version, message)])
    spec, problems = _validated(tree, flaws, base)
    if version is None and not any(flaw.path == ("version",) for flaw in flaws):
        problems.append(_value_problem(tree, f"the key version is missing: add version: {VERSION}"))
    if problems or spec is None:
        raise PoolFileError(source, problems)
    if (size := len(spec.to_json().encode())) > MOST_STORED_BYTES:
        message = (
            f"is too large: its stored form has {size} bytes, and the limit is {MOST_STORED_BYTES}"
        )
        raise PoolFileError(source, [_whole(message)])
    return spec


def _validated(tree: Tree, flaws: list[Flaw], base: Path) -> tuple[PoolSpec | None, list[Problem]]:
    """Return the spec, None if the tree is not valid, and all problems.

    Pydantic checks values against each other only if each value is valid. So values that are not
    valid are removed from the tree, and the rest is validated again.
    """
    problems = [_flaw(flaw) for flaw in flaws]
    removed = _Removed(flaw.path for flaw in flaws)
    while True:
        try:
            return PoolSpec.model_validate(tree.plain(), context=Reading(base=base)), problems
        except ValidationError as error:
            found = [
                (problem, *tree.deepest(problem.location))
                for problem in spec_problems(PoolSpec, error)
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


def _whole(message: str) -> Problem:
    return Problem(line=None, column=None, path="", message=message)
