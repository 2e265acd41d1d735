"""A pool's ClassAds: its slots, daemons and jobs, as HTCondor's own tools report them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, cast

from condor_mini.base.errors import CommandFailed, PoolNotReady, UsageError
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from condor_mini.engine import CommandResult
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

ClassAd: TypeAlias = Mapping[str, object]
"""An ad: a ``classad2.ClassAd`` where HTCondor's bindings are installed, else a dict.

Values are strings, ints, floats, bools, lists and ads. What is undefined is
``classad2.Value.Undefined`` or None. An expression is a ``classad2.ExprTree``, or its text: in a
dict it cannot be told from a string. In a dict, names are as the tools print them; a
``classad2.ClassAd`` does not distinguish upper and lower case.
"""
Kind = Literal["machine", "schedd", "collector", "negotiator", "master", "submitter"]
"""Whose ads: ``machine`` is the startd's own, one for each execution point."""

_OPTIONS: Mapping[Kind, str] = {
    "machine": "-startd",
    "schedd": "-schedd",
    "collector": "-collector",
    "negotiator": "-negotiator",
    "master": "-master",
    "submitter": "-submitters",
}
_TIMEOUT_S = 120.0
"""Ten thousand ads are 60 MB."""
_BAD_CONSTRAINT = re.compile(r"(?i)invalid constraint|parse error in constraint|could not parse")
_NO_ANSWER = re.compile(r"(?i)couldn't contact|failed to (fetch|connect)|communication error")
# An expression is "\/Expr(...)\/" in the text, and no string is: its slashes have no backslash.
_EXPRESSION = re.compile(r'(?<=")\\/Expr\(')
_MARK = "\0Expr("
_END = ")/"


class _Bindings(Protocol):
    """What is used of ``classad2``."""

    ClassAd: Callable[[dict[str, object]], ClassAd]
    ExprTree: Callable[[str], object]


def slot_ads(
    pool: PoolNodes, constraint: str | None = None, projection: Sequence[str] | None = None
) -> list[ClassAd]:
    """The ads of the slots, as ``condor_status`` reports them.

    Args:
        pool: Which pool.
        constraint: A ClassAd expression that must hold; None for all.
        projection: The attributes that are wanted; None for all.

    Raises:
        UsageError: The constraint is no ClassAd expression.
        PoolNotReady: The collector does not answer.
    """
    return _status(pool, (), constraint, projection)


def ads(
    pool: PoolNodes,
    kind: Kind,
    constraint: str | None = None,
    projection: Sequence[str] | None = None,
) -> list[ClassAd]:
    """The ads of the daemons of one kind, or of those who submit; see ``slot_ads``."""
    if kind not in _OPTIONS:
        raise UsageError(f"{kind!r} is none of {', '.join(_OPTIONS)}")
    return _status(pool, (_OPTIONS[kind],), constraint, projection)


def job_ads(
    pool: PoolNodes,
    constraint: str | None = None,
    projection: Sequence[str] | None = None,
    *,
    history: bool = False,
) -> list[ClassAd]:
    """The ads of all users' jobs at all access points that run.

    Args:
        pool: Which pool.
        constraint: A ClassAd expression that must hold; None for all.
        projection: The attributes that are wanted; None for all.
        history: Those that have left the queue, the last one first, in place of those in it.

    Raises:
        UsageError: The constraint is no ClassAd expression.
        PoolNotReady: No access point runs, or a schedd does not answer.
    """
    nodes = [node for node in pool.nodes if node.role is Role.ACCESS_POINT]
    running = [node for node in nodes if node.is_running]
    if not running:
        raise pool.node(role=Role.ACCESS_POINT).ended()
    tool = ("condor_history",) if history else ("condor_q", "-allusers")
    found: list[ClassAd] = []
    for node in running:
        found += _ask(node, [*tool, *_selection(constraint, projection)], constraint)
    return found


def parse_ads(text: str) -> list[ClassAd]:
    """Ads from what HTCondor's tools print with ``-json``; see ``ClassAd`` for what they are."""
    if not text.strip():
        return []
    bindings = _bindings()
    values = json.loads(_EXPRESSION.sub(r"\\u0000Expr(", text))
    if bindings is None:
        return [cast("ClassAd", _plain(value)) for value in values]
    return [bindings.ClassAd(_bound(value, bindings)) for value in values]


def _status(
    pool: PoolNodes,
    options: Sequence[str],
    constraint: str | None,
    projection: Sequence[str] | None,
) -> list[ClassAd]:
    manager = pool.node(role=Role.CENTRAL_MANAGER)
    argv = ["condor_status", *options, *_selection(constraint, projection)]
    return _ask(manager, argv, constraint)


def _selection(constraint: str | None, projection: Sequence[str] | None) -> Iterator[str]:
    yield "-json"
    if constraint is not None:
        yield from ("-constraint", constraint)
    if projection is not None:
        for name in projection:
            if not re.fullmatch(r"[A-Za-z_]\w*", name):
                raise UsageError(f"{name!r} is no attribute's name")
        if not projection:
            raise UsageError("the projection names no attribute")
        yield from ("-attributes", ",".join(projection))


def _ask(node: Node, argv: Sequence[str], constraint: str | None) -> list[ClassAd]:
    result = node.exec(argv, timeout_s=_TIMEOUT_S)
    if result.returncode != 0:
        raise _refused(node, argv, constraint, result)
    return parse_ads(result.stdout)


def _refused(
    node: Node, argv: Sequence[str], constraint: str | None, result: CommandResult
) -> UsageError | PoolNotReady | CommandFailed:
    said = "\n".join(line for line in (result.stderr + result.stdout).splitlines() if line.strip())
    if constraint is not None:
        # condor_q leaves it to the schedd to see that it is no expression, and does not say why
        # it failed then; condor_history says so before it looks at anything.
        checked = node.exec(["condor_history", "-limit", "1", "-constraint", constraint, "-json"])
        if _BAD_CONSTRAINT.search(said + checked.stderr):
            return UsageError(f"the constraint {constraint!r} is no ClassAd expression: {said}")
    if _NO_ANSWER.search(said):
        first = "\n".join(said.splitlines()[:3])
        return PoolNotReady(
            f"{argv[0]} on {node.name} gets no answer: {first}",
            hint=f"Which daemon is missing: condor-mini status -n {node.pool}",
        )
    return CommandFailed(argv, result.returncode, said)


def _bindings() -> _Bindings | None:
    try:
        return cast("_Bindings", import_module("classad2"))
    except ImportError:
        return None


def _plain(value: object) -> object:
    """A value of JSON, with expressions as their text."""
    match value:
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case str() if value.startswith(_MARK):
            return value.removeprefix(_MARK).removesuffix(_END)
    return value


def _bound(value: dict[str, object], bindings: _Bindings) -> dict[str, object]:
    """The same with the bindings' own objects."""

    def bound(item: object) -> object:
        match item:
            case dict():
                return bindings.ClassAd({name: bound(inner) for name, inner in item.items()})
            case list():
                return [bound(inner) for inner in item]
            case str() if item.startswith(_MARK):
                return bindings.ExprTree(item.removeprefix(_MARK).removesuffix(_END))
        return item

    return {name: bound(item) for name, item in value.items()}
