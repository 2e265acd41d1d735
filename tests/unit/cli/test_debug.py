"""``condor-mini debug`` on a pool in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
    from pool_engine import PoolEngine


@pytest.fixture
def pool(pools: PoolEngine) -> Pool:
    """A pool with two execution points, whose nodes keep the file with the levels."""
    pools.keep_debug_levels()
    return Pool.create("ci", execution_points=2, engine=pools)


@pytest.mark.usefixtures("pool")
def test_the_command_sets_and_shows(condor_mini: Callable[..., Result]) -> None:
    """`condor-mini debug` takes DAEMON=LEVEL, and reports what is set."""
    result = condor_mini("debug", "-n", "ci", "schedd=D_FULLDEBUG D_JOB", "-o", "json")
    assert json.loads(result.out) == [
        {"node": "ci-submit-1", "daemon": "schedd", "level": "D_FULLDEBUG D_JOB"}
    ]


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize("argv", [["schedd"], ["schedd=D_ALL", "--reset"]])
def test_the_command_refuses(condor_mini: Callable[..., Result], argv: list[str]) -> None:
    """A setting without a level, and a reset with one, are usage errors."""
    assert condor_mini("debug", "-n", "ci", *argv).status == 2
