"""Daemons of a personal pool that are killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import HEALTH

from ..people import processes
from .conftest import WHO

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from condor_mini.engine import ContainerInfo, Engine

    from ..people import Person

pytestmark = [
    pytest.mark.every_engine,
    pytest.mark.slow_on("embedded"),
    pytest.mark.parametrize("person", WHO[:1], indirect=True, scope="session"),
]


@pytest.mark.parametrize(
    "daemon",
    [
        *("collector", "schedd", "startd", "procd"),
        pytest.param("negotiator", marks=pytest.mark.slow),
        pytest.param("shared_port", marks=pytest.mark.slow),
    ],
)
def test_killed_daemon_is_back(
    pool_engine: Engine,
    kept: Path,
    pools: Callable[[Path], list[ContainerInfo]],
    until: Callable[..., None],
    daemon: str,
) -> None:
    """A daemon that is killed is back in seconds, another process, and its ads are there."""
    (pool,) = pools(kept)

    def process() -> str:
        there = processes(pool_engine, pool.id).items()
        return " ".join(pid for pid, words in there if words.startswith(f"condor_{daemon}"))

    before = process()
    pool_engine.exec(pool.id, ["sh", "-c", f"kill -KILL {before}"])
    until(lambda: process() not in {"", before}, f"a new {daemon} runs")
    assert pool_engine.exec(pool.id, [HEALTH, "--wait", "30"]).stdout == ""


def test_job_runs_after_all_that(
    person: Person, kept: Path, write_job: Callable[..., Path]
) -> None:
    """A pool whose daemons were all killed once runs jobs."""
    write_job(person, kept, "exit 6")
    assert person.run("run", "--keep", "--submit", "job.sub", cwd=kept).returncode == 6
