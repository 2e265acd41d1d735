"""What needs no Slurm of the commands for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound, UsageError
from condor_mini.pool import Pool
from condor_mini.slurm import home_of
from condor_mini.slurm.allocations import RECORD, _time_limit

if TYPE_CHECKING:
    from pathlib import Path

    from pool_engine import PoolEngine


@pytest.fixture
def pool(pools: PoolEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pool:
    """A pool that no other host reaches, on a machine without Slurm."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return Pool.create("ci", engine=pools)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("90m", "1:30:00"),
        ("1h", "1:00:00"),
        ("1d12h", "36:00:00"),
        ("90s", "0:01:30"),
        ("30", "30"),
        ("1:30:00", "1:30:00"),
        ("2-12", "2-12"),
        ("UNLIMITED", "UNLIMITED"),
    ],
)
def test_time_limits(text: str | None, expected: str | None) -> None:
    """Units as our other options take them, and Slurm's own forms as they are: sbatch(1)."""
    assert _time_limit(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "1x", "1h30", "-5", "1:2:3:4", "0m\n"])
def test_no_time_limits(text: str) -> None:
    """Anything else is an error before anything is done."""
    with pytest.raises(UsageError, match="--time"):
        _time_limit(text)


def test_a_pool_that_is_not_exposed(pool: Pool) -> None:
    """The error says how to create another one, and nothing is left."""
    with pytest.raises(UsageError, match="no other host reaches the pool ci") as error:
        pool.slurm.up(2)
    assert "create --expose" in str(error.value)
    assert not home_of(pool).exists()


def test_numbers_of_nodes(pool: Pool) -> None:
    """None is too few."""
    with pytest.raises(UsageError, match="--nodes 0"):
        pool.slurm.up(0)


def test_a_machine_without_slurm(pool: Pool) -> None:
    """Jobs that were submitted elsewhere are not asked for in vain."""
    place = home_of(pool) / "0a1b2c3d"
    place.mkdir(parents=True)
    form = {"job": "12", "nodes": 1, "holder": "x@execute.d", "directory": str(place)}
    (place / RECORD).write_text(json.dumps(form))
    with pytest.raises(NotFound, match="there is no squeue on the PATH") as error:
        pool.slurm.down()
    assert "login node" in str(error.value)
    with pytest.raises(NotFound, match="no Slurm job 4; it has 12"):
        pool.slurm.down(["4"])
    assert pool.delete()
    assert not home_of(pool).exists()
