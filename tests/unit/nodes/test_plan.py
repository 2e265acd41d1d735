"""Which containers a pool is planned to have: scratch, read-only roots, limits of processes."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.progress import Progress
from condor_mini.engine import ScratchMount
from condor_mini.lifecycle import creation
from condor_mini.nodes.archive import node_archive
from condor_mini.nodes.node import pool_nodes
from condor_mini.nodes.plan import SCRATCH, planned_nodes
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec
from condor_mini.spec.base import Reading
from pool_ci import add_two, create

if TYPE_CHECKING:
    from condor_mini.nodes.planned_node import PlannedNode
    from pool_engine import PoolEngine

LIMITED = "/etc/condor/config.d/25-limited"
TOKENS = ("secret", "users'")


def spec_of(**facts: object) -> PoolSpec:
    """A pool ``ci``, with a volume of its own at its execution point."""
    plain = {"name": "ci", "execution_points": [{"volumes": ["data:/data"]}], **facts}
    return PoolSpec.model_validate(plain, context=Reading(base=Path("/")))


def scratch(node: PlannedNode) -> list[str]:
    """Where a node has scratch."""
    mounts = node.container.mounts
    return [mount.target for mount in mounts if isinstance(mount, ScratchMount)]


def members(data: bytes) -> list[str]:
    """The names in a tar."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getnames()


def test_each_node_is_read_only() -> None:
    """A node of any role is read-only, with scratch at the places that are named for its role."""
    nodes = planned_nodes(spec_of())
    assert [node.container.read_only for node in nodes] == [True] * 3
    assert [scratch(node) for node in nodes] == [sorted(SCRATCH[node.role]) for node in nodes]


def test_scratch_bears_the_pools_labels() -> None:
    """Scratch is found by the pool's labels, and is no record of a node."""
    (mount, *_) = (
        mount
        for mount in planned_nodes(spec_of(labels={"team": "physics"}))[0].container.mounts
        if isinstance(mount, ScratchMount)
    )
    assert mount.labels == {
        "team": "physics",
        "io.condor-mini.kind": "pool",
        "io.condor-mini.pool": "ci",
    }


def test_what_the_user_mounts_is_no_scratch() -> None:
    """Where a volume of the user's is there is no scratch."""
    node = planned_nodes(spec_of(execution_points=[{"volumes": ["data:/tmp"]}]))[-1]
    assert "/tmp" not in scratch(node)


@pytest.mark.parametrize("group", [{"read_only": False}, {"image": "it"}])
def test_node_that_can_be_written(group: dict[str, object]) -> None:
    """Who says so, or has an image of his own, has nodes of which all can be written."""
    node = planned_nodes(spec_of(execution_points=[group]))[-1]
    assert (node.container.read_only, scratch(node), node.archive_at) == (False, [], "/")


def test_archive_is_for_the_configuration() -> None:
    """What a read-only node is given lies below /etc/condor, and volumes are none of it."""
    node = planned_nodes(spec_of())[-1]
    assert members(node_archive(node, tokens=TOKENS)) == [
        "config.d/40-pool",
        "config.d/60-node",
        "tokens.d/node",
        "users-token",
    ]


def test_archive_of_a_node_that_can_be_written() -> None:
    """What such a node is given begins at its root, with the owners and modes of its volumes."""
    node = planned_nodes(spec_of(execution_points=[{"read_only": False}]))[-1]
    names = members(node_archive(node, tokens=TOKENS))
    assert {"var/log/condor", "etc/condor/tokens.d", "etc/condor/tokens.d/node"} <= set(names)


def test_engine_without_read_only_roots(pools: PoolEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing comes of it nodes are as they always were, and scratch is not asked for."""
    info = replace(pools.info(), read_only_roots=False)
    monkeypatch.setattr(pools, "info", lambda: info)
    creation.create(pools, spec_of(), Progress(), timeout_s=5)
    node = pools.spec("ci-execute-1")
    assert not node.read_only
    assert not any(isinstance(mount, ScratchMount) for mount in node.mounts)


# -- limits of processes --------------------------------------------------------------------------


def test_execution_points_have_a_limit_of_processes(pools: PoolEngine) -> None:
    """Those that name none have one too, however they came to be, and no other node has."""
    create(pools)
    add_two(pools)
    pools.remove("ci-execute-1")
    Pool.open("ci", engine=pools).start()
    limits = {node.name: pools.spec(node.name).pids for node in pool_nodes(pools, "ci")}
    executes = {f"ci-execute-{number}": 2048 for number in (1, 2, 3, 4)}
    assert limits == {"ci-master": None, "ci-submit-1": None, **executes}
    knobs = {name: LIMITED in pools.files(name) for name in limits}
    assert knobs == {name: name in executes for name in limits}


@pytest.mark.parametrize(
    ("group", "expected"), [({"limit": {"processes": 100}}, 100), ({"slots": 1000}, 16000)]
)
def test_limit_of_processes_fits_the_node(
    pools: PoolEngine, group: dict[str, object], expected: int
) -> None:
    """It is the one that is named, or else leaves room for a job in each static slot."""
    creation.create(pools, spec_of(execution_points=[group]), Progress(), timeout_s=5)
    assert pools.spec("ci-execute-1").pids == expected


def test_no_limit_of_processes_where_none_holds(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that has no such limit is not asked for one that nobody has named."""
    info = replace(pools.info(), limits=())
    monkeypatch.setattr(pools, "info", lambda: info)
    create(pools)
    assert pools.spec("ci-execute-1").pids is None
    assert LIMITED not in pools.files("ci-execute-1")
