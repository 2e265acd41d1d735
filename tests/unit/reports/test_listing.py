"""The list of pools at an engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.times import rfc3339
from condor_mini.engine import ContainerSpec
from condor_mini.nodes.node import pool_labels
from condor_mini.pool import Pool
from condor_mini.reports.listing import ListedPool, ListedState, listing
from hand_made import personal_spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import FakeEngine
    from fake_pool import FakePool
    from pool_engine import PoolEngine


def listed(engine: FakeEngine, name: str = "ci") -> ListedPool:
    """Return the pool of that name, which is in the list once."""
    (found,) = [pool for pool in listing(engine).pools if pool.name == name]
    return found


def add_personal(engine: FakeEngine, name: str) -> None:
    """Let a personal pool run on the current directory."""
    engine.start(engine.create(personal_spec(name, Path.cwd())))


def test_nodes_are_counted_by_role(make_pool: Callable[..., FakePool]) -> None:
    """The list says how many nodes of each role a pool has, and how many of all run."""
    pool = make_pool(execute=3)
    pool.engine.end("ci-execute-2", exit_code=1)
    found = listed(pool.engine)
    assert (found.nodes, found.running) == ({"master": 1, "submit": 1, "execute": 3}, 4)


@pytest.mark.parametrize(
    ("ended", "state"),
    [
        ([], ListedState.RUNNING),
        (["ci-master"], ListedState.PARTLY),
        (["ci-master", "ci-submit-1", "ci-execute-1"], ListedState.STOPPED),
    ],
    ids=["none ended", "one ended", "all ended"],
)
def test_state_is_how_much_runs(pool: FakePool, ended: list[str], state: ListedState) -> None:
    """A pool runs as a whole, partly, or not at all."""
    for name in ended:
        pool.engine.end(name, exit_code=0)
    assert listed(pool.engine).state is state


def test_pool_without_its_central_manager_is_incomplete(pool: FakePool) -> None:
    """Nodes that run are no pool that can be used while their central manager is gone."""
    pool.engine.remove("ci-master")
    assert listed(pool.engine).state is ListedState.INCOMPLETE


def test_start_is_that_of_the_first_node_that_runs(pool: FakePool) -> None:
    """A node that has ended does not count, however early it was started."""
    pool.engine.end("ci-master", exit_code=0)
    started = [node.info.started_at for node in pool.nodes if node.is_running]
    assert listed(pool.engine).started_at == min(time for time in started if time)


def test_pool_that_is_stopped_has_no_start(pool: FakePool) -> None:
    """Where no node runs the list names no time."""
    pool.engine.stop(*(node.name for node in pool.nodes), timeout_s=1)
    assert listed(pool.engine).started_at is None


def test_personal_pools_follow_the_others(make_pool: Callable[..., FakePool]) -> None:
    """Both kinds are in order of their names, and pools come first."""
    engine = make_pool("z").engine
    make_pool("b")
    for name in ("mini-c", "a"):
        add_personal(engine, name)
    assert [pool.name for pool in listing(engine).pools] == ["b", "z", "a", "mini-c"]


def test_personal_pool_has_its_directory(fake: FakeEngine) -> None:
    """A personal pool is one node, with a series and the directory of its state."""
    add_personal(fake, "mini-abc")
    found = listed(fake, "mini-abc")
    facts = (found.kind, found.series, found.nodes, found.directory)
    assert facts == ("personal", "25", {"mini": 1}, str(Path.cwd()))


def test_personal_pool_that_has_ended_is_stopped(fake: FakeEngine) -> None:
    """What `condor-mini run --keep` leaves stays in the list after its end."""
    add_personal(fake, "mini-abc")
    fake.end("mini-abc", exit_code=0)
    assert listed(fake, "mini-abc").state is ListedState.STOPPED


@pytest.mark.parametrize(
    ("has_network", "state"), [(True, ListedState.KEPT), (False, ListedState.INCOMPLETE)]
)
def test_volumes_alone_are_a_pool(
    pools: PoolEngine, *, has_network: bool, state: ListedState
) -> None:
    """Without containers a pool is kept as long as its network says what it was made from."""
    Pool.create("ci", execution_points=2, engine=pools)
    pools.remove(*(node.info.id for node in Pool(pools, "ci").nodes))
    if not has_network:
        pools.remove_network("ci")
    found = listed(pools)
    assert (found.state, found.nodes) == (state, {"master": 1, "submit": 1, "execute": 2})


def test_what_only_claims_to_be_a_node_is_a_problem(pool: FakePool) -> None:
    """A container whose labels are not those of a node is reported, and is not counted."""
    labels = pool_labels("ci")
    pool.engine.create(ContainerSpec(image="condor-execute:25", name="evil", labels=labels))
    found = listing(pool.engine)
    assert [problem.name for problem in found.problems] == ["evil"]
    assert listed(pool.engine).nodes["execute"] == 1


def test_json_has_the_time_as_rfc_3339(pool: FakePool) -> None:
    """Programs get the time of the start as docs/reference/json.md says."""
    found = listed(pool.engine)
    assert found.started_at is not None
    assert found.to_json()["started_at"] == rfc3339(found.started_at)
