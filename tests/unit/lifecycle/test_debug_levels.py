"""Debug levels of daemons, on an engine in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import UsageError
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from pool_engine import PoolEngine


@pytest.fixture
def pool(pools: PoolEngine) -> Pool:
    """A pool with two execution points, whose nodes keep the file with the levels."""
    pools.keep_debug_levels()
    return Pool.create("ci", execution_points=2, engine=pools)


def said(pool: Pool) -> list[str]:
    """The levels that were set."""
    return [f"{level.node} {level.daemon} {level.level}" for level in pool.debug_levels()]


def test_nodes_take_what_is_their_daemons(pool: Pool) -> None:
    """Each node has the levels of the daemons that it runs, and of no other."""
    pool.set_debug_levels({"schedd": "D_FULLDEBUG", "STARTD": "D_COMMAND, D_NETWORK:2"})
    assert said(pool) == [
        "ci-submit-1 schedd D_FULLDEBUG",
        "ci-execute-1 startd D_COMMAND D_NETWORK:2",
        "ci-execute-2 startd D_COMMAND D_NETWORK:2",
    ]


def test_only_nodes_that_change_are_told(pools: PoolEngine, pool: Pool) -> None:
    """condor_reconfig is run where there is something new, and nowhere else."""
    pool.set_debug_levels({"startd": "D_ALL"}, node="execute-2")
    told = [call.target for call in pools.calls if call.argv[:1] == ("condor_reconfig",)]
    assert told == [pool.node("execute-2").info.id]


def test_levels_add_up_and_go_one_by_one(pool: Pool) -> None:
    """A level stays when another daemon's is set, and goes when it is taken away."""
    pool.set_debug_levels({"schedd": "D_FULLDEBUG"})
    pool.set_debug_levels({"shadow": "D_FULLDEBUG"})
    pool.set_debug_levels({"schedd": None})
    assert said(pool) == ["ci-submit-1 shadow D_FULLDEBUG"]


def test_reset_takes_all(pool: Pool) -> None:
    """Afterwards no daemon has a level of ours."""
    pool.set_debug_levels({"schedd": "D_FULLDEBUG", "master": "D_ALL"})
    pool.reset_debug_levels()
    assert said(pool) == []


@pytest.mark.parametrize(
    ("daemon", "level", "words"),
    [
        ("schad", "D_ALL", "there is no daemon schad"),
        ("procd", "D_ALL", "procd has no debug level"),
        ("schedd", "FULLDEBUG", "'FULLDEBUG' is not a debug level"),
        ("schedd", "D_FULL", "'D_FULL' is not a debug level"),
        ("schedd", "D_ALL\nALLOW_WRITE = *", "'ALLOW_WRITE' is not a debug level"),
    ],
)
def test_bad_input_is_named(pool: Pool, daemon: str, level: str, words: str) -> None:
    """What is no daemon or no level is refused, and nothing is written."""
    with pytest.raises(UsageError, match=words):
        pool.set_debug_levels({daemon: level})
    assert said(pool) == []


def test_a_daemon_that_does_not_run_there(pool: Pool) -> None:
    """A node that has no such daemon is named."""
    with pytest.raises(UsageError, match="no schedd runs on ci-execute-1"):
        pool.set_debug_levels({"schedd": "D_ALL"}, node="execute-1")
