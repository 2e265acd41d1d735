"""Several who create at once, on a real engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import pytest

from condor_mini.nodes.node import pool_nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pool.pools.conftest import Cli

    from condor_mini.engine import Engine

TIMEOUT_S = 240.0
SIDE_BY_SIDE = 10


def run(clis: list[Cli], *argv: str) -> list[CompletedProcess[str]]:
    """The command of each, all at once, to their ends."""
    processes = [cli.begin(*argv) for cli in clis]
    with ThreadPoolExecutor(len(processes)) as executor:
        said = list(executor.map(lambda one: one.communicate(timeout=TIMEOUT_S), processes))
    return [
        CompletedProcess(process.args, process.returncode, *texts)
        for process, texts in zip(processes, said, strict=True)
    ]


def runs_a_job(cli: Cli) -> bool:
    """Whether the pool can be used."""
    job = "executable = /bin/true\ntransfer_executable = false\nlog = /tmp/log\nqueue\n"
    script = f"printf '{job}' | condor_submit - && condor_wait -wait 60 /tmp/log"
    return cli("exec", "--", "sh", "-c", script, timeout_s=90).returncode == 0


@pytest.mark.every_engine
@pytest.mark.slow_on("docker")
def test_of_several_of_one_name_one_wins(fresh: Cli) -> None:
    """One creates the pool, which is usable; the others end with 4 and say that it is there."""
    results = run([fresh] * 3, "create")
    losers = [result for result in results if result.returncode]
    assert [result.returncode for result in losers] == [4, 4], results
    assert all(f"there is a pool {fresh.name}" in result.stderr for result in losers), losers
    assert runs_a_job(fresh)


def test_if_not_exists_by_several_at_once(fresh: Cli, pool_engine: Engine) -> None:
    """All of them succeed, and there is one pool, which is usable."""
    results = run([fresh] * 3, "create", "--if-not-exists")
    assert [result.returncode for result in results] == [0, 0, 0], results
    assert len(pool_nodes(pool_engine, fresh.name)) == 3
    assert runs_a_job(fresh)


@pytest.mark.every_engine
@pytest.mark.slow
@pytest.mark.alone
def test_different_names_at_once(new_cli: Callable[[], Cli], pool_engine: Engine) -> None:
    """Ten pools that are made at the same time all come to be."""
    clis = [new_cli() for _ in range(SIDE_BY_SIDE)]
    results = run(clis, "create", "--timeout", "200")
    failed = [result.stderr for result in results if result.returncode]
    assert failed == []
    assert {len(pool_nodes(pool_engine, cli.name)) for cli in clis} == {3}


@pytest.mark.every_engine
@pytest.mark.slow
def test_start_and_delete_by_several_at_once(fresh: Cli, pool_engine: Engine) -> None:
    """Two who start one pool, and then delete it, all succeed; a job has run, nothing is left."""
    fresh.succeeds("create", timeout_s=120)
    fresh.succeeds("stop", timeout_s=120)
    results = run([fresh] * 2, "start")
    assert [result.returncode for result in results] == [0, 0], results
    assert all(node.is_running for node in pool_nodes(pool_engine, fresh.name))
    assert runs_a_job(fresh), "a node is without a token"
    results = run([fresh] * 2, "delete")
    assert [result.returncode for result in results] == [0, 0], results
    assert pool_nodes(pool_engine, fresh.name) == []
