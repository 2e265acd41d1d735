"""A pool claims its name: what happens where something else has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import AlreadyInUse
from condor_mini.base.layout import LABEL
from condor_mini.engine import ContainerSpec
from condor_mini.lifecycle import claim
from condor_mini.nodes.node import pool_nodes
from pool_ci import WHOLE, create, held

if TYPE_CHECKING:
    from pool_engine import PoolEngine


def test_pool_that_exists_is_told(pools: PoolEngine) -> None:
    """A second pool of the same name is refused, and the first one stays as it is."""
    create(pools)
    before = [node.info for node in pool_nodes(pools, "ci")]
    with pytest.raises(AlreadyInUse, match="there is a pool ci; it has 4 nodes and runs"):
        create(pools)
    assert [node.info for node in pool_nodes(pools, "ci")] == before


def test_foreign_container_is_neither_used_nor_removed(pools: PoolEngine) -> None:
    """A container that has a node's name and is not ours stays, and nothing else is left."""
    pools.create(ContainerSpec(image="condor-master:25", name="ci-execute-2"))
    with pytest.raises(AlreadyInUse):
        create(pools)
    assert [info.name for info in pools.containers({})] == ["ci-execute-2"]
    assert held(pools) == []


@pytest.mark.parametrize("kind", ["network", "volume"])
def test_foreign_thing_is_neither_used_nor_removed(pools: PoolEngine, kind: str) -> None:
    """A network or volume of that name that is no pool's is refused, and stays."""
    name = {"network": "ci", "volume": "ci-data"}[kind]
    getattr(pools, f"create_{kind}")(name, labels={"whose": "theirs"})
    with pytest.raises(AlreadyInUse, match="is no pool's"):
        create(pools)
    assert [thing.name for thing in getattr(pools, f"{kind}s")({})] == [name]


def test_loser_of_a_race_removes_nothing(pools: PoolEngine) -> None:
    """A creation that finds the network taken, and then nodes, leaves all of it alone."""
    beaten = False

    def meanwhile() -> None:
        nonlocal beaten
        if not beaten:
            beaten = True
            create(pools)

    pools.before["create_network"] = meanwhile
    with pytest.raises(AlreadyInUse, match="there is a pool ci"):
        create(pools)
    assert held(pools) == WHOLE


def test_network_that_a_kill_has_left_is_taken_over(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If nobody has created nodes for a while, the network is removed and created again."""
    monkeypatch.setattr(claim, "CLAIM_TIMEOUT_S", 0.2)
    pools.create_network("ci", labels={f"{LABEL}.kind": "pool", f"{LABEL}.pool": "ci"})
    create(pools)
    assert held(pools) == WHOLE


@pytest.mark.parametrize(("network", "start"), [(True, True), (False, False)])
def test_the_state_of_a_pool_is_not_overwritten(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch, *, network: bool, start: bool
) -> None:
    """A pool whose containers are gone keeps its name; with its network it can be started again."""
    monkeypatch.setattr(claim, "CLAIM_TIMEOUT_S", 0.2)
    create(pools)
    pools.remove(*(node.info.id for node in pool_nodes(pools, "ci")))
    if not network:
        pools.remove_network("ci")
    kept = held(pools)
    with pytest.raises(AlreadyInUse, match="its state is kept") as raised:
        create(pools)
    assert held(pools) == kept
    assert ("condor-mini start -n ci" in str(raised.value.hint)) == start
