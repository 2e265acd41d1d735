"""Which containers a pool is planned to have: read-only roots, and scratch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine import ScratchMount
from condor_mini.nodes.plan import SCRATCH, planned_nodes
from condor_mini.spec import PoolSpec
from condor_mini.spec.base import Reading

if TYPE_CHECKING:
    from condor_mini.nodes.planned_node import PlannedNode


def spec_of(**facts: object) -> PoolSpec:
    """A pool ``ci``, with a volume of its own at its execution point."""
    plain = {"name": "ci", "execution_points": [{"volumes": ["data:/data"]}], **facts}
    return PoolSpec.model_validate(plain, context=Reading(base=Path("/")))


def scratch(node: PlannedNode) -> list[str]:
    """Where a node has scratch."""
    mounts = node.container.mounts
    return [mount.target for mount in mounts if isinstance(mount, ScratchMount)]


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
    """`read_only: false`, or an image of the user's own, gives nodes that can be written."""
    node = planned_nodes(spec_of(execution_points=[group]))[-1]
    assert (node.container.read_only, scratch(node), node.archive_at) == (False, [], "/")


def test_every_node_is_told_the_profile() -> None:
    """The profile is that of the whole pool."""
    nodes = planned_nodes(spec_of(profile="production"))
    assert [node.container.environment["PROFILE"] for node in nodes] == ["production"] * 3
