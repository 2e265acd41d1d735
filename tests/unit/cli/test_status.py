"""``condor-mini status`` on an engine in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
    from fake_pool import FakePool
    from pool_engine import PoolEngine


def test_json(pool: FakePool, run: Callable[..., Result]) -> None:
    """The documented keys."""
    del pool
    found = run("status", "-n", "ci", "-o", "json").json
    assert sorted(found) == [
        *("daemons", "exposed_at", "host", "jobs", "joined", "joins", "name", "nodes"),
        *("problems", "reasons", "series", "slots", "slurm", "verdict", "versions"),
    ]
    assert (found["verdict"], found["versions"]) == ("usable", ["25.14.1"])
    assert found["nodes"][0]["started_at"].endswith("Z")


def test_text(pool: FakePool, run: Callable[..., Result]) -> None:
    """A person sees the verdict, the nodes, the slots and the jobs."""
    del pool
    shown = run("status", "-n", "ci")
    assert shown.status == 0
    assert "The pool ci is usable (HTCondor 25.14.1)." in shown.out
    assert "Slots: 1 of 1: 1 Unclaimed/Idle" in shown.out
    assert "ci-submit-1" in shown.out.splitlines()[-1]


def test_broken_pool_is_shown_and_5(pool: FakePool, run: Callable[..., Result]) -> None:
    """A pool that is not usable is exit code 5; what to do next is named."""
    pool.engine.end("ci-execute-1", exit_code=1)
    shown = run("status", "-n", "ci")
    assert (shown.status, "condor-mini doctor -n ci" in shown.out) == (5, True)


@pytest.mark.parametrize("output", ["text", "json"])
def test_stopped_pool_is_5(pool: FakePool, run: Callable[..., Result], output: str) -> None:
    """A stopped pool is shown, and is exit code 5."""
    pool.engine.stop(*(node.name for node in pool.nodes), timeout_s=1)
    shown = run("status", "-n", "ci", "-o", output)
    assert (shown.status, "stopped" in shown.out) == (5, True)


def test_node_whose_container_was_removed_is_named(
    pools: PoolEngine, condor_mini: Callable[..., Result]
) -> None:
    """A pool whose access point was removed is not usable: status names it, and what to type."""
    Pool.create("ci", engine=pools)
    pools.remove("ci-submit-1")
    shown = condor_mini("status", "-n", "ci")
    assert shown.status == 5
    assert "ci-submit-1 has no container" in shown.out
    assert "condor-mini start" in shown.out


def test_absent_pool_is_3(run: Callable[..., Result]) -> None:
    """A pool that is not there is not found."""
    assert run("status", "-n", "nope").status == 3
