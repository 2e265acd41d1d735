"""The ClassAds of a pool's slots, daemons and jobs, as HTCondor's own tools report them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, cast

from condor_mini.base.errors import CommandFailed, PoolNotReady, UsageError
from condor_mini.base.layout import USER
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from condor_mini.engine import CommandResult
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

ClassAd: TypeAlias = Mapping[str, object]
"""An ad: a ``classad2.ClassAd`` where HTCondor's Python bindings are installed, else a dict.

Values are strings, ints, floats, bools, lists and ads. An undefined value is
``classad2.Value.Undefined``, or None in a dict. An expression is a ``classad2.ExprTree``, or its
text in a dict, where nothing distinguishes it from a string. Attribute names in a dict are as the
tools print them; a ``classad2.ClassAd`` does not distinguish upper and lower case.
"""
Kind = Literal["machine", "schedd", "collector", "negotiator", "master", "submitter"]
"""Kind of ad. ``machine`` is the startd's own ad, one for each execution point."""

_OPTIONS: Mapping[Kind, str] = {
    "machine": "-startd",
    "schedd": "-schedd",
    "collector": "-collector",
    "negotiator": "-negotiator",
    "master": "-master",
    "submitter": "-submitters",
}
_TIMEOUT_S = 120.0
"""Long, because ten thousand ads are 60 MB."""
_BAD_CONSTRAINT = re.compile(r"(?i)invalid constraint|parse error in constraint|could not parse")
_NO_ANSWER = re.compile(
    r"(?i)couldn't contact|failed to (fetch|connect)|communication error|can't find address"
)
# The tools print an expression as "\/Expr(...)\/". No string looks like this: the tools print the
# slashes of a string without a backslash.
_EXPRESSION = re.compile(r'(?<=")\\/Expr\(')
_MARK = "\0Expr("
_END = ")/"


class _Bindings(Protocol):
    """The part of ``classad2`` that is used here."""

    ClassAd: Callable[[dict[str, object]], ClassAd]
    ExprTree: Callable[[str], object]


def slot_ads(
    pool: PoolNodes, constraint: str | None = None, projection: Sequence[str] | None = None
) -> list[ClassAd]:
    """Return the ads of the slots, as ``condor_status`` reports them.

    Args:
        pool: Pool to query.
        constraint: ClassAd expression that must be true. None for all ads.
        projection: Names of the attributes to return. None for all.

    Raises:
        UsageError: The constraint is not a ClassAd expression, or the projection does not consist
            of attribute names.
        PoolNotReady: The collector does not answer.
    """
    return _status(pool, (), constraint, projection)


def ads(
    pool: PoolNodes,
    kind: Kind,
    constraint: str | None = None,
    projection: Sequence[str] | None = None,
) -> list[ClassAd]:
    """Return the ads of the daemons of one kind, or of the submitters; see ``slot_ads``."""
    if kind not in _OPTIONS:
        raise UsageError(f"there is no kind of ad {kind!r}; there are: {', '.join(_OPTIONS)}")
    return _status(pool, (_OPTIONS[kind],), constraint, projection)


def job_ads(
    pool: PoolNodes,
    constraint: str | None = None,
    projection: Sequence[str] | None = None,
    *,
    history: bool = False,
) -> list[ClassAd]:
    """Return the ads of all users' jobs at all running access points.

    Args:
        pool: Pool to query.
        constraint: ClassAd expression that must be true. None for all ads.
        projection: Names of the attributes to return. None for all.
        history: Return the jobs that have left the queue, the last one first, and not those in it.

    Raises:
        UsageError: The constraint is not a ClassAd expression, or the projection does not consist
            of attribute names.
        PoolNotReady: No access point runs, or a schedd does not answer.
    """
    nodes = [node for node in pool.nodes if node.role.acts_as(Role.ACCESS_POINT)]
    running = [node for node in nodes if node.is_running]
    if not running:
        raise pool.node(role=Role.ACCESS_POINT).ended()
    tool = ("condor_history",) if history else ("condor_q", "-allusers")
    found: list[ClassAd] = []
    for node in running:
        argv = [*tool, *_selection(constraint, projection)]
        found += parse_ads(ask(node, argv, constraint))
    return found


def ask(
    node: Node,
    argv: Sequence[str],
    constraint: str | None = None,
    *,
    instead: Sequence[str] | None = None,
    user: str = USER,
) -> str:
    """Run a tool that queries a daemon, and return its output.

    Args:
        node: Node to run it on.
        argv: The tool and its arguments.
        constraint: The constraint among the arguments, for the error if it is not a ClassAd
            expression.
        instead: A script that runs the tool, and then more. None to run the tool alone.
        user: Who runs it.

    Raises:
        UsageError: The constraint is not a ClassAd expression.
        PoolNotReady: The node does not run, or the daemon does not answer.
        CommandFailed: The tool failed for another reason.
    """
    result = node.exec(instead or argv, user=user, timeout_s=_TIMEOUT_S)
    if result.returncode != 0:
        raise _refused(node, argv, constraint, result)
    return result.stdout


def parse_ads(text: str) -> list[ClassAd]:
    """Return the ads in the output of an HTCondor tool with ``-json``; see ``ClassAd``."""
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
    return parse_ads(_status_text(pool, options, constraint, projection))


def _status_text(
    pool: PoolNodes,
    options: Sequence[str],
    constraint: str | None,
    projection: Sequence[str] | None,
) -> str:
    manager = pool.node(role=Role.CENTRAL_MANAGER)
    argv = ["condor_status", *options, *_selection(constraint, projection)]
    return ask(manager, argv, constraint)


def _selection(constraint: str | None, projection: Sequence[str] | None) -> Iterator[str]:
    yield "-json"
    if constraint is not None:
        yield from ("-constraint", constraint)
    if projection is not None:
        for name in projection:
            if not re.fullmatch(r"[A-Za-z_]\w*", name):
                raise UsageError(f"{name!r} in the projection is not an attribute name")
        if not projection:
            raise UsageError("the projection names no attribute")
        yield from ("-attributes", ",".join(projection))


def _refused(
    node: Node, argv: Sequence[str], constraint: str | None, result: CommandResult
) -> UsageError | PoolNotReady | CommandFailed:
    printed = (result.stderr + result.stdout).splitlines()
    output = "\n".join(line for line in printed if line.strip())
    if constraint is not None:
        # condor_q leaves the check of the constraint to the schedd, and then does not say why it
        # failed. condor_history checks the constraint itself, before it reads any job.
        check = node.exec(["condor_history", "-limit", "1", "-constraint", constraint, "-json"])
        if _BAD_CONSTRAINT.search(output + check.stderr):
            return UsageError(
                f"the constraint {constraint!r} is not a ClassAd expression: {output}"
            )
    if _NO_ANSWER.search(output):
        first_lines = "\n".join(output.splitlines()[:3])
        return PoolNotReady(
            f"{argv[0]} on {node.name} gets no answer: {first_lines}",
            hint=f"See which daemon is missing: condor-mini status -n {node.pool}",
        )
    return CommandFailed(argv, result.returncode, output)


def _bindings() -> _Bindings | None:
    try:
        return cast("_Bindings", import_module("classad2"))
    except ImportError:
        return None


def _plain(value: object) -> object:
    """Return a JSON value with each expression replaced by its text."""
    match value:
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case str() if value.startswith(_MARK):
            return value.removeprefix(_MARK).removesuffix(_END)
    return value


def _bound(value: dict[str, object], bindings: _Bindings) -> dict[str, object]:
    """Return a JSON value with ads and expressions replaced by the bindings' objects."""

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
