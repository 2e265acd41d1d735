"""``condor-mini status`` on an engine in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine import FakeEngine, FakeOutcome
from condor_mini.nodes.node import pool_labels
from condor_mini.pool import Pool
from fake_pool import FakePool

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
    from pool_engine import PoolEngine


def test_json(pool: FakePool, run: Callable[..., Result]) -> None:
    """The documented keys."""
    del pool
    found = run("status", "-n", "ci", "-o", "json").json
    assert sorted(found) == [
        *("daemons", "exposed_at", "faults", "host", "jobs", "joined", "joins", "name", "nodes"),
        *("problems", "reasons", "requests", "series", "slots", "slurm", "verdict", "versions"),
    ]
    assert (found["verdict"], found["versions"]) == ("usable", ["25.14.1"])
    assert found["nodes"][0]["started_at"].endswith("Z")


ASKS = json.dumps(
    [{"RequestId": "123", "ClientId": "beta-execute-1-17", "PeerLocation": "10.99.0.2"}]
)


@pytest.fixture
def exposed(fake: FakeEngine) -> FakeEngine:
    """An engine with a pool that other hosts reach."""
    fake.create_network("ci", labels=pool_labels("ci"))
    pool = FakePool(engine=fake, name="ci")
    fake.on_exec(["timeout", "5", "condor_status"], pool.ask)
    pool.add("master", exposed="10.99.0.1:9618")
    return fake


def test_who_waits_for_a_token_is_shown(exposed: FakeEngine, run: Callable[..., Result]) -> None:
    """Of a pool that other hosts reach, with what lets them in."""
    exposed.on_exec(["condor_token_request_list"], lambda _: FakeOutcome(stdout=ASKS))
    shown = run("status", "-n", "ci")
    assert "beta-execute-1-17  10.99.0.2  123" in shown.out
    assert "condor-mini approve -n ci" in shown.out
    assert run("status", "-n", "ci", "-o", "json").json["requests"][0]["id"] == "123"


def test_who_waits_is_asked_no_longer_than_the_rest(
    exposed: FakeEngine, run: Callable[..., Result]
) -> None:
    """A collector that tells nothing of requests within 5 s does not delay the status."""
    late = FakeOutcome(seconds=6, stdout=ASKS)
    exposed.on_exec(["condor_token_request_list"], lambda _: late)
    assert run("status", "-n", "ci", "-o", "json").json["requests"] == []


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


def test_watch_prints_what_changes(
    pool: FakePool, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that differs by the time alone is not printed; one with a node that ended is."""
    looks = 0

    def pause(_: float) -> None:
        nonlocal looks
        looks += 1
        for ad in pool.ads:
            ad["LastHeardFrom"] += 5
        if looks == 2:
            pool.engine.end("ci-execute-1", exit_code=1)
        if looks == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr("condor_mini.cli.watch.pause_while_read", pause)
    shown = run("status", "ci", "--watch")
    verdicts = [line for line in shown.out.splitlines() if line.startswith("The pool")]
    assert (shown.status, len(verdicts)) == (130, 2)
    assert ("usable" in verdicts[0], "broken" in verdicts[1]) == (True, True)


def test_watch_takes_the_pools_name_or_seconds(
    pool: FakePool, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What follows --watch is a number of seconds, or else the pool's name."""
    del pool

    def pause(seconds: float) -> None:
        paused.append(round(seconds))
        raise KeyboardInterrupt

    monkeypatch.setattr("condor_mini.cli.watch.pause_while_read", pause)
    paused: list[int] = []
    lines = (
        ["--watch", "ci"],
        ["--watch", "7", "ci"],
        ["ci", "--watch=9"],
        ["-n", "ci", "--watch"],
    )
    assert [run("status", *line).status for line in lines] == [130] * 4
    assert paused == [2, 7, 9, 2]


def test_watch_of_an_absent_pool_is_3(run: Callable[..., Result]) -> None:
    """There is nothing to watch."""
    assert run("status", "nope", "--watch").status == 3


def test_absent_pool_is_3(run: Callable[..., Result]) -> None:
    """A pool that is not there is not found."""
    assert run("status", "-n", "nope").status == 3
