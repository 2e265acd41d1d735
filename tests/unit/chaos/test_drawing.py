"""Random faults: the same seed draws the same, and no node has two at a time."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineCapabilityError, NotFound, UsageError
from condor_mini.base.progress import Progress
from condor_mini.chaos.drawing import BY_DEFAULT, MOST_TRIES, REST_S, drawn
from condor_mini.chaos.planned_fault import PlannedFault
from condor_mini.chaos.scenario import RandomFaults
from condor_mini.faults.catalogue import FAULTS

if TYPE_CHECKING:
    from fake_pool import FakePool

pytestmark = pytest.mark.usefixtures("struck")


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The faults that the engine cannot make; a test adds some."""
    unable: set[str] = set()

    def check(one: PlannedFault, *_: object) -> None:
        if one.fault in unable:
            raise EngineCapabilityError(f"no {one.fault} here")
        if one.daemon == "starter":
            raise NotFound("no starter runs now")

    monkeypatch.setattr(PlannedFault, "check", check)
    return unable


def faults(pool: FakePool, seed: int = 7, **asked: object) -> list[PlannedFault]:
    """What a seed draws."""
    wanted = RandomFaults.model_validate({"count": 20, "within": "200s", **asked})
    return drawn(pool, wanted, seed, Progress())


def test_same_seed_draws_the_same(pool: FakePool, able: set[str]) -> None:
    """And another one something else."""
    assert not able
    assert faults(pool) == faults(pool)
    assert faults(pool) != faults(pool, seed=8)


@pytest.mark.parametrize("seed", range(20))
def test_no_node_has_two_at_a_time(pool: FakePool, able: set[str], seed: int) -> None:
    """And it rests after each."""
    assert not able
    found = [one for one in faults(pool, seed) if not one.jobs]
    assert found
    for one, other in combinations(found, 2):
        first, second = sorted((one, other), key=lambda fault: fault.at.seconds or 0.0)
        if first.nodes == second.nodes:
            end = (first.at.seconds or 0.0) + (first.for_s or 0.0) + REST_S
            assert (second.at.seconds or 0.0) >= end


def test_times_and_targets_are_within_what_was_asked_for(pool: FakePool, able: set[str]) -> None:
    """Nodes by the pattern, times by the bounds; a moment has no time."""
    assert not able
    for one in faults(pool, count=50, within=30, longest="4s", nodes=["execute-2"]):
        assert one.is_drawn
        assert one.fault in BY_DEFAULT
        assert one.nodes == (() if one.jobs else ("execute-2",))
        assert 0 <= (one.at.seconds or 0.0) <= 30
        assert (one.for_s is None) != FAULTS[one.fault].lasts
        assert one.for_s is None or 1 <= one.for_s <= 4
        assert one.daemon != "master"


def test_what_the_engine_cannot_make_is_left_out(pool: FakePool, able: set[str]) -> None:
    """The others are drawn; none is an error, which says why."""
    able |= {"freeze", "loss"}
    assert {one.fault for one in faults(pool, faults=["freeze", "loss", "evict"])} == {"evict"}
    with pytest.raises(EngineCapabilityError, match=r"no (freeze|loss) here"):
        faults(pool, faults=["freeze", "loss"])


def test_fault_that_strikes_other_nodes_is_drawn_again(pool: FakePool) -> None:
    """The central manager and the access point are not drained: they get what they can have."""
    found = faults(pool, nodes=["*"], faults=["drain-node", "stop-node"], count=40)
    drained = {one.nodes[0] for one in found if one.fault == "drain-node"}
    stopped = {one.nodes[0] for one in found if one.fault == "stop-node"}
    assert drained == {"execute-1", "execute-2"}
    assert {"master", "submit-1"} <= stopped


def test_no_such_node(pool: FakePool, able: set[str]) -> None:
    """The pattern is named."""
    assert not able
    with pytest.raises(UsageError, match="the pool ci has no node gpu-"):
        faults(pool, nodes=["gpu-*"])


def test_too_many_for_the_time(pool: FakePool, able: set[str]) -> None:
    """Those that find no free time are left out: this ends."""
    assert not able
    found = faults(pool, faults=["stop-node"], count=MOST_TRIES, within="5s")
    assert 1 <= len(found) <= 4


def test_host_whose_engine_cannot_make_a_fault(
    pool: FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes of the other hosts are struck all the same."""
    pool.add("execute", 9, host="embedded")

    def check(one: PlannedFault, *_: object) -> None:
        if one.nodes == ("execute-9",):
            raise EngineCapabilityError("no network of its own")

    monkeypatch.setattr(PlannedFault, "check", check)
    found = faults(pool, faults=["loss"], nodes=["execute-*"])
    assert len(found) > 5
    assert "execute-9" not in {one.nodes[0] for one in found}
