"""How a command line names a pool, and what it says of a command that there is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.nodes.node import pool_nodes
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
    from pool_engine import PoolEngine

    Run = Callable[..., Result]


@pytest.fixture
def two(pools: PoolEngine) -> PoolEngine:
    """An engine with the pools ``ci`` and ``mini``."""
    Pool.create("ci", engine=pools)
    Pool.create("mini", engine=pools)
    return pools


def test_argument_names_the_pool(two: PoolEngine, condor_mini: Run) -> None:
    """`delete ci` deletes that pool, as `kind` and `k3d` have it, and no other."""
    assert condor_mini("delete", "ci").status == 0
    assert [bool(pool_nodes(two, name)) for name in ("ci", "mini")] == [False, True]


def test_argument_and_option_agree(two: PoolEngine, condor_mini: Run) -> None:
    """The same name twice is no contradiction."""
    assert condor_mini("delete", "ci", "-n", "ci").status == 0
    assert pool_nodes(two, "ci") == []


def test_two_names_are_refused(two: PoolEngine, condor_mini: Run) -> None:
    """Two different names are a mistake, and nothing is done."""
    result = condor_mini("delete", "ci", "-n", "mini")
    assert (result.status, "use either ci or -n mini" in result.err) == (2, True)
    assert pool_nodes(two, "ci")


def test_argument_is_a_name(condor_mini: Run) -> None:
    """What no pool can be called is refused as an argument too."""
    result = condor_mini("status", "No_Name")
    assert (result.status, "must be lower-case letters" in result.err) == (2, True)


def test_argument_contradicts_all(two: PoolEngine, condor_mini: Run) -> None:
    """`delete ci --all` is refused, as `delete -n ci --all` is."""
    assert condor_mini("delete", "ci", "--all").status == 2
    assert pool_nodes(two, "mini")


@pytest.mark.usefixtures("pools")
def test_argument_names_the_pool_of_a_file(condor_mini: Run) -> None:
    """`create NAME` overrides the name in the spec."""
    assert "ci-execute-1" in condor_mini("create", "ci", "--dry-run").out


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ls", "list"),
        ("ps", "list"),
        ("up", "create"),
        ("craete", "create"),
        ("stats", "status"),
        ("q", "queue"),
        ("remove", "rm"),
    ],
)
def test_unknown_command_is_answered_by_the_likely_one(
    condor_mini: Run, typed: str, meant: str
) -> None:
    """A typing error, or another tool's word, gets the command that it stands for."""
    result = condor_mini(typed)
    assert (result.status, f"Did you mean {meant}?" in result.err) == (2, True)


def test_word_that_is_like_no_command(condor_mini: Run) -> None:
    """Where nothing is likely, nothing is suggested."""
    assert "Did you mean" not in condor_mini("xyzzy").err
