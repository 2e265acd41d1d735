"""``condor-mini list`` on an engine in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.nodes.node import Role
from condor_mini.nodes.state import STATE
from condor_mini.pool import Pool
from hand_made import personal_spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
    from condor_mini.engine import FakeEngine
    from fake_pool import FakePool
    from pool_engine import PoolEngine


def personal(fake: FakeEngine) -> None:
    """A personal pool that was kept; its state is in the current directory."""
    fake.create(personal_spec("mini-abc", Path.cwd()))
    fake.start("mini-abc")


def test_pool_and_its_nodes(pool: FakePool, run: Callable[..., Result]) -> None:
    """A pool is a line with its series, state and nodes."""
    del pool
    header, line = run("list").out.splitlines()
    assert header.split() == ["NAME", "HTCONDOR", "STATE", "NODES", "STARTED"]
    assert line.split()[:4] == ["ci", "25", "running", "3/3"]
    assert "1 central manager, 1 access point, 1 execution point" in line


def test_personal_pool_is_listed(fake: FakeEngine, run: Callable[..., Result]) -> None:
    """What `condor-mini run --keep` has left is ours, too."""
    personal(fake)
    assert f"personal: {Path.cwd()}" in run("list").out


def test_json(pool: FakePool, run: Callable[..., Result]) -> None:
    """The documented keys."""
    personal(pool.engine)
    first, second = run("list", "-o", "json").json
    assert first["nodes"] == {"master": 1, "submit": 1, "execute": 1}
    assert (first["kind"], first["state"], first["running"]) == ("pool", "running", 3)
    assert (second["kind"], second["directory"]) == ("personal", str(Path.cwd()))


def test_quiet_is_names(make_pool: Callable[..., FakePool], run: Callable[..., Result]) -> None:
    """-q prints the names and nothing else."""
    make_pool("b")
    make_pool("a")
    assert run("list", "-q").out == "a\nb\n"


def test_partly_stopped_and_incomplete(
    make_pool: Callable[..., FakePool], run: Callable[..., Result]
) -> None:
    """The state says how much there is."""
    pools = {name: make_pool(name) for name in ("a", "b", "c")}
    pools["a"].engine.end("a-execute-1", exit_code=1)
    pools["b"].engine.stop("b-master", "b-submit-1", "b-execute-1", timeout_s=1)
    pools["c"].engine.remove("c-master")
    states = {row["name"]: row["state"] for row in run("list", "-o", "json").json}
    assert states == {"a": "partly", "b": "stopped", "c": "incomplete"}


def test_no_pools(fake: FakeEngine, run: Callable[..., Result]) -> None:
    """Nothing on stdout, a word on stderr, and success."""
    del fake
    shown = run("list")
    assert (shown.status, shown.out) == (0, "")
    assert "condor-mini create" in shown.err


def test_no_pools_in_json(fake: FakeEngine, run: Callable[..., Result]) -> None:
    """For programs there is an empty list."""
    del fake
    assert run("list", "-o", "json").json == []


NODES = ("ci-master", "ci-submit-1", "ci-execute-1", "ci-execute-2")


@pytest.fixture
def removed(pools: PoolEngine, condor_mini: Callable[..., Result]) -> Callable[..., Result]:
    """The command, where all containers of the pool ``ci`` were removed; of ``other`` none was."""
    Pool.create("ci", execution_points=2, engine=pools)
    Pool.create("other", engine=pools)
    pools.remove(*NODES)
    return condor_mini


def row(run: Callable[..., Result], name: str = "ci") -> dict[str, object]:
    """Return the pool's object in the JSON."""
    (found,) = [pool for pool in json.loads(run("list", "-o", "json").out) if pool["name"] == name]
    assert isinstance(found, dict)
    return found


def test_pool_without_containers_is_kept(removed: Callable[..., Result]) -> None:
    """A pool of which only its state is left is listed with the nodes that are recorded."""
    assert row(removed) == {
        "name": "ci",
        "kind": "pool",
        "series": "",
        "state": "kept",
        "nodes": {"master": 1, "submit": 1, "execute": 2},
        "running": 0,
        "started_at": None,
        "directory": None,
        "joins": None,
    }
    assert row(removed, "other")["state"] == "running"


def test_kept_pool_is_shown_with_the_next_command(removed: Callable[..., Result]) -> None:
    """It has a line among the others, and below the table stands how to have it again."""
    shown = removed("list")
    line = shown.out.splitlines()[1]
    assert line.split()[:4] == ["ci", "-", "kept", "0/4"]
    assert line.endswith("1 central manager, 1 access point, 2 execution points  -")
    assert "its state is kept. Create them again: condor-mini start -n ci\n" in shown.err
    assert removed("list", "-q").out == "ci\nother\n"


def test_kept_pool_that_is_started_runs(removed: Callable[..., Result]) -> None:
    """The command in the hint does what the hint says."""
    assert removed("start", "-n", "ci").status == 0
    assert (row(removed)["state"], row(removed)["running"]) == ("running", 4)


def test_node_without_container_counts(
    pools: PoolEngine, condor_mini: Callable[..., Result]
) -> None:
    """A node whose container was removed still counts, so the pool runs partly."""
    Pool.create("ci", engine=pools)
    pools.remove("ci-submit-1")
    found = row(condor_mini)
    assert (found["state"], found["running"]) == ("partly", 2)
    assert found["nodes"] == {"master": 1, "submit": 1, "execute": 1}


@pytest.mark.parametrize("lost", ["network", "central manager's state"])
def test_what_cannot_be_made_anew_is_incomplete(
    removed: Callable[..., Result], pools: PoolEngine, lost: str
) -> None:
    """Volumes alone, or those of other nodes, are no pool that `start` could have again."""
    if lost == "network":
        pools.remove_network("ci")
    else:
        for part in STATE[Role.CENTRAL_MANAGER]:
            pools.remove_volume(f"ci-master-{part}")
    assert row(removed)["state"] == "incomplete"
    said = removed("list").err
    assert ("condor-mini delete -n ci" in said, "condor-mini start -n ci" in said) == (True, False)


def test_no_question_more_than_one(pools: PoolEngine, condor_mini: Callable[..., Result]) -> None:
    """The volumes and networks, which a killed command may leave alone, are asked for once each."""
    Pool.create("ci", engine=pools)
    asked = len(pools.calls)
    condor_mini("list")
    methods = [call.method for call in pools.calls[asked:]]
    assert sorted(methods) == ["containers", "info", "networks", "volumes"]
