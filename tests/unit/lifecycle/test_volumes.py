"""The volumes of a pool that is created."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.engine import VolumeMount
from condor_mini.lifecycle.volumes import MAKING_LABEL, with_volumes
from condor_mini.nodes.plan import planned_nodes
from pool_ci import create, spec_of

if TYPE_CHECKING:
    from pool_engine import PoolEngine


def test_volumes_come_with_their_containers(pools: PoolEngine) -> None:
    """No volume is made by a call of its own, and each has the labels of its node."""
    create(pools)
    assert "create_volume" not in {call.method for call in pools.calls}
    labels = {info.name: info.labels for info in pools.volumes({"io.condor-mini.pool": "ci"})}
    role = "io.condor-mini.role"
    assert (labels["ci-master-key"][role], role in labels["ci-data"]) == ("master", False)
    assert all(MAKING_LABEL in each for each in labels.values())


def test_volume_that_is_there_is_not_brought(pools: PoolEngine) -> None:
    """A volume that the pool has is mounted as it is: if it goes meanwhile, none is made up."""
    labels = {"io.condor-mini.kind": "pool", "io.condor-mini.pool": "ci"}
    nodes = planned_nodes(spec_of(execution_points=[{"volumes": ["data:/data"]}]))
    pools.create_volume("ci-data", labels=labels)
    (*_, node) = with_volumes(pools, nodes, labels)
    brought = {
        mount.volume: mount.labels is not None
        for mount in node.container.mounts
        if isinstance(mount, VolumeMount)
    }
    assert brought == {"ci-data": False, "ci-execute-1-tokens": True, "ci-execute-1-log": True}
