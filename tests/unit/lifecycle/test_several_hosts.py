"""A pool whose nodes are on the engines of two hosts: its life, and what befalls it."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import (
    AlreadyInUse,
    CommandFailed,
    CondorMiniError,
    EngineCapabilityError,
    HostNotReached,
)
from condor_mini.base.progress import Progress
from condor_mini.engine import ContainerSpec
from condor_mini.engine.several import several_hosts
from condor_mini.lifecycle import claim, creation, removal
from condor_mini.nodes.node import SPEC, pool_nodes
from condor_mini.nodes.pool_hosts import HOSTS
from condor_mini.pool import Pool
from condor_mini.reports.listing import listing
from condor_mini.reports.status import Verdict, status
from pool_ci import held
from two_hosts import NODES, TwoHosts, not_reached, spec_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool_engine import PoolEngine


@pytest.fixture
def make(
    new_pools: Callable[[], PoolEngine], monkeypatch: pytest.MonkeyPatch
) -> Callable[[], TwoHosts]:
    """Make two hosts; ``node2`` is the name of the second of those that were made last."""
    return partial(TwoHosts.made, new_pools, monkeypatch)


@pytest.fixture
def two(make: Callable[[], TwoHosts]) -> TwoHosts:
    """Two hosts with the pool."""
    two = make()
    two.create()
    return two


def test_nodes_are_where_they_are_to_be(two: TwoHosts) -> None:
    """Their names go on from host to host, and a new shell finds all of them."""
    pool = Pool.open("ci", engine=two.here)
    assert {node.name: node.host for node in pool.nodes} == NODES
    assert [info.name for info in two.there.containers({})] == ["ci-execute-2"]


def test_record_is_on_the_first_host_alone(two: TwoHosts) -> None:
    """So nobody creates the rest of the pool again from another host."""
    (here,), (there,) = two.here.networks({}), two.there.networks({})
    assert here.labels[HOSTS] == "node2"
    assert SPEC in here.labels
    assert not {HOSTS, SPEC} & set(there.labels)


def test_nodes_elsewhere_get_tokens_and_the_collectors_address(two: TwoHosts) -> None:
    """As nodes here; nothing else tells them apart."""
    files = two.there.files("ci-execute-2")
    token = files["/etc/condor/tokens.d/node"].content or b""
    assert token.startswith(b"eyJhbGciOi.execute")
    text = (files["/etc/condor/config.d/45-exposure"].content or b"").decode()
    assert "COLLECTOR_HOST = 127.0.0.1:9700\n" in text
    assert 'CondorMiniHost = "node2"\n' in text


def test_scale_takes_the_next_number(two: TwoHosts) -> None:
    """Of all hosts; the nodes are on the group's host."""
    pool = Pool.open("ci", engine=two.here)
    pool.scale(2, group="there")
    assert {node.name: node.host for node in pool.nodes} == {**NODES, "ci-execute-3": "node2"}
    assert "ci-execute-3" in held(two.there)


def test_delete_leaves_nothing(two: TwoHosts) -> None:
    """On any host."""
    assert Pool.open("ci", engine=two.here).delete()
    assert held(two.here) == held(two.there) == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("place", ["here", "there"])
def test_failure_of_any_call_leaves_nothing(
    make: Callable[[], TwoHosts], place: str, *, after: bool
) -> None:
    """On any host, whichever call of any of the engines fails."""
    counted = make()
    counted.create()
    total, failed = getattr(counted, place).number, 0
    for number in range(1, total + 1):
        two = make()
        engine: PoolEngine = getattr(two, place)
        engine.fail_at(number, CommandFailed(["docker", "it"], 1, "it broke"), after=after)
        try:
            two.create()
        except CondorMiniError:
            failed += 1
            assert held(two.here) == held(two.there) == [], engine.calls[number - 1]
    assert failed > total // 2


@pytest.mark.parametrize("place", ["here", "there"])
def test_ctrl_c_leaves_nothing(make: Callable[[], TwoHosts], place: str) -> None:
    """On any host, during whichever call of any of the engines it comes."""
    counted = make()
    counted.create()
    total, whole, interrupted = getattr(counted, place).number, held(counted.there), 0
    for number in range(1, total + 1):
        two = make()
        engine: PoolEngine = getattr(two, place)
        engine.signal_at(number, signal.SIGINT)
        try:
            two.create()
        except KeyboardInterrupt:
            interrupted += 1
            assert held(two.here) == held(two.there) == [], engine.calls[number - 1]
        else:  # it came when all was done
            assert held(two.there) == whole
    assert interrupted > total // 2


def test_host_that_goes_away_while_a_pool_is_created(make: Callable[[], TwoHosts]) -> None:
    """Whenever it does: all else is removed but the record, and the error says so."""
    counted = make()
    counted.create()
    for number in range(1, counted.there.number + 1):
        two = make()
        two.there.fail_at(number, not_reached(), for_good=True)
        with pytest.raises(HostNotReached, match="the host node2 is not reached") as failure:
            two.create()
        here, there = held(two.here), held(two.there)
        assert here in ([], ["ci"])
        if there:
            assert "Delete the rest: condor-mini delete -n ci" in str(failure.value)
            assert Pool.open("ci", engine=two.here).delete()
            assert held(two.here) == held(two.there) == []


def test_nothing_is_begun_if_a_host_is_not_reached(make: Callable[[], TwoHosts]) -> None:
    """The error has the host's name and the engine's words, and its own exit code."""
    two = make()
    two.there.fail_at(1, not_reached(), for_good=True)
    with pytest.raises(HostNotReached, match="node2 is not reached: connection refused") as failure:
        two.create()
    assert failure.value.exit_code == 6
    assert held(two.here) == []


def test_status_without_a_host(two: TwoHosts) -> None:
    """It shows the nodes of the others, and says which host is not reached."""
    two.there.fail_at(two.there.number + 1, not_reached(), for_good=True)
    found = status(Pool.open("ci", engine=two.here))
    assert found.verdict is Verdict.BROKEN
    assert found.reasons[0] == "the host node2 is not reached: connection refused"
    assert [node.name for node in found.nodes] == [name for name, host in NODES.items() if not host]


def test_commands_on_one_node_need_its_host_alone(two: TwoHosts) -> None:
    """Commands on the whole pool need all hosts."""
    two.there.fail_at(two.there.number + 1, not_reached(), for_good=True)
    pool = Pool.open("ci", engine=two.here)
    assert pool.node().name == "ci-submit-1"
    with pytest.raises(HostNotReached):
        pool.stop()


def test_delete_without_a_host_keeps_the_record(two: TwoHosts) -> None:
    """So that the same command removes the rest later."""
    two.there.fail_at(two.there.number + 1, not_reached(), for_good=True)
    with pytest.raises(HostNotReached, match="All else of the pool ci is deleted") as failure:
        Pool.open("ci", engine=two.here).delete()
    assert "condor-mini delete -n ci --force" in str(failure.value)
    assert held(two.here) == ["ci"]
    assert "ci-execute-2" in held(two.there)
    assert Pool.open("ci", engine=two.here).delete()
    assert held(two.here) == held(two.there) == []


def test_delete_by_force_forgets(two: TwoHosts) -> None:
    """The error says how to remove the rest on that host."""
    two.there.fail_at(two.there.number + 1, not_reached(), for_good=True)
    with pytest.raises(HostNotReached, match="What is there stays") as failure:
        Pool.open("ci", engine=two.here).delete(force=True)
    assert "DOCKER_CONTEXT=node2 condor-mini delete -n ci" in str(failure.value)
    assert held(two.here) == []
    # A pool of that name is not mixed with what is left.
    assert "ci-execute-2" in held(two.there)
    with pytest.raises(AlreadyInUse, match="nodes of a pool ci on the host node2"):
        two.create()
    assert removal.remove(two.there, "ci")
    assert held(two.there) == []


def test_same_engine_under_two_names(make: Callable[[], TwoHosts]) -> None:
    """It is found before any node is created, and nothing is left."""
    engine = make().here
    twice = several_hosts(engine, {"node2": engine})
    with pytest.raises(EngineCapabilityError, match="the host node2 has the same engine"):
        creation.create(twice, spec_of(), Progress(), timeout_s=5)
    assert held(engine) == []


def test_name_that_is_taken_on_another_host(make: Callable[[], TwoHosts]) -> None:
    """The error says on which."""
    two = make()
    two.there.create(ContainerSpec(image="condor-execute:25", name="ci-execute-2"))
    with pytest.raises(AlreadyInUse, match="outside the pool on the host node2"):
        two.create()
    assert held(two.here) == held(two.there) == []


def test_list_counts_the_nodes_of_all_hosts(two: TwoHosts) -> None:
    """On the other host it is a part of a pool."""
    (pool,) = listing(two.here).pools
    assert (pool.state, pool.running, dict(pool.nodes)["execute"]) == ("running", 4, 2)
    (part,) = listing(two.there).pools
    assert (part.state, part.running) == ("part", 1)
    two.there.fail_at(two.there.number + 1, not_reached(), for_good=True)
    (rest,) = listing(two.here).pools
    assert (rest.state, rest.running) == ("partly", 3)


def test_lost_node_is_created_again_on_its_host(two: TwoHosts) -> None:
    """With its state."""
    two.there.remove("ci-execute-2")
    pool = Pool.open("ci", engine=two.here)
    pool.start()
    assert {node.name: node.host for node in pool_nodes(pool.engine, "ci")} == NODES
    assert [info.name for info in two.there.containers({})] == ["ci-execute-2"]


def test_network_that_a_killed_process_did_not_create(two: TwoHosts) -> None:
    """`start` creates it, with the nodes."""
    two.there.remove("ci-execute-2")
    two.there.remove_network("ci")
    Pool.open("ci", engine=two.here).start()
    assert "ci" in held(two.there)


def test_name_is_free_once_the_rest_can_be_removed(
    two: TwoHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new pool removes the record of a pool that is gone, and takes the name."""
    monkeypatch.setattr(claim, "CLAIM_TIMEOUT_S", 0.2)
    two.there.fail_at(two.there.number + 1, not_reached(), for_good=True)
    with pytest.raises(HostNotReached):
        Pool.open("ci", engine=two.here).delete()
    two.there.disarm()
    two.there.remove("ci-execute-2")
    two.there.remove_volume(*(volume.name for volume in two.there.volumes({})))
    pool = Pool.create(spec=spec_of(execution_points=[{}]), engine=two.here)
    assert {node.name: node.host for node in pool.nodes} == {
        name: host for name, host in NODES.items() if not host
    }
    assert held(two.there) == []
