"""Nodes whose root is read-only: what is planned for them, and how they come to be."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import (
    CommandFailed,
    EngineCapabilityError,
    PoolNotReady,
    ReadOnlyError,
    UsageError,
)
from condor_mini.base.progress import Progress
from condor_mini.engine import FakeOutcome, ScratchMount, VolumeMount
from condor_mini.lifecycle import creation
from condor_mini.nodes import files
from condor_mini.nodes.node import pool_nodes
from condor_mini.nodes.plan import SCRATCH, archive, planned_nodes
from condor_mini.spec import PoolSpec
from condor_mini.spec.base import Reading

if TYPE_CHECKING:
    from tests.unit.conftest import PoolEngine

    from condor_mini.nodes.planned_node import PlannedNode

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


def test_image_for_nodes_that_are_to_be_read_only() -> None:
    """An image of one's own, by an option, contradicts a file that wants nodes to be read-only."""
    spec = spec_of(execution_points=[{"read_only": True}])
    with pytest.raises(UsageError, match="cannot be read-only"):
        spec.with_overrides(execute_image="it")


def test_archive_is_for_the_configuration() -> None:
    """What a read-only node is given lies below /etc/condor, and volumes are none of it."""
    node = planned_nodes(spec_of())[-1]
    assert members(archive(node, tokens=TOKENS)) == [
        "config.d/40-pool",
        "config.d/60-node",
        "tokens.d/node",
        "users-token",
    ]


def test_archive_of_a_node_that_can_be_written() -> None:
    """What such a node is given begins at its root, with the owners and modes of its volumes."""
    node = planned_nodes(spec_of(execution_points=[{"read_only": False}]))[-1]
    names = members(archive(node, tokens=TOKENS))
    assert {"var/log/condor", "etc/condor/tokens.d", "etc/condor/tokens.d/node"} <= set(names)


def test_engine_without_read_only_roots(pools: PoolEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing comes of it nodes are as they always were, and scratch is not asked for."""
    info = replace(pools.info(), read_only_roots=False)
    monkeypatch.setattr(pools, "info", lambda: info)
    creation.create(pools, spec_of(), Progress(), timeout_s=5)
    node = pools.spec("ci-execute-1")
    assert not node.read_only
    assert not any(isinstance(mount, ScratchMount) for mount in node.mounts)


def test_read_only_that_nothing_would_come_of_is_refused(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who wants it in so many words is told, and nothing is made."""
    info = replace(pools.info(), read_only_roots=False)
    monkeypatch.setattr(pools, "info", lambda: info)
    spec = spec_of(central_manager={"read_only": True})
    with pytest.raises(EngineCapabilityError, match="`read_only: true` has no effect on"):
        creation.create(pools, spec, Progress(), timeout_s=5)
    assert (pools.containers({}), pools.networks({})) == ([], [])


def test_users_can_write_to_volumes(pools: PoolEngine) -> None:
    """Once it runs, a read-only node lets all users write to the pool's volumes, not to its own."""
    creation.create(pools, spec_of(), Progress(), timeout_s=5)
    told = [call.argv for call in pools.calls if call.argv[:1] == ("chmod",)]
    assert told == [("chmod", "1777", "/data")]


def test_volume_that_cannot_be_opened_is_told(pools: PoolEngine) -> None:
    """A node that runs, and whose volume stays closed, is a failure."""
    pools.on_exec(["chmod"], lambda _: FakeOutcome(returncode=1, stderr="chmod: no\n"))
    with pytest.raises(CommandFailed, match="chmod: no"):
        creation.create(pools, spec_of(), Progress(), timeout_s=5)


def test_node_that_ends_before_its_volume_is_opened(pools: PoolEngine) -> None:
    """Of a node that has ended already the end is told, and not what could not be done there."""
    pools.die_at_start["ci-execute-1"] = (44, "condor-mini: no such core\n")
    with pytest.raises(PoolNotReady, match="ci-execute-1 has ended with 44"):
        creation.create(pools, spec_of(), Progress(), timeout_s=5)


def test_volumes_come_with_their_containers(pools: PoolEngine) -> None:
    """No volume is made by a call of its own, and each has the labels of its node."""
    creation.create(pools, spec_of(), Progress(), timeout_s=5)
    assert "create_volume" not in {call.method for call in pools.calls}
    labels = {info.name: info.labels for info in pools.volumes({"io.condor-mini.pool": "ci"})}
    role = "io.condor-mini.role"
    assert (labels["ci-master-key"][role], role in labels["ci-data"]) == ("master", False)
    assert all(creation.MAKING_LABEL in each for each in labels.values())


def test_volume_that_is_there_is_not_brought(pools: PoolEngine) -> None:
    """A volume that the pool has is mounted as it is: if it goes meanwhile, none is made up."""
    labels = {"io.condor-mini.kind": "pool", "io.condor-mini.pool": "ci"}
    nodes = planned_nodes(spec_of())
    pools.create_volume("ci-data", labels=labels)
    (*_, node) = creation.with_volumes(pools, nodes, labels)
    brought = {
        mount.volume: mount.labels is not None
        for mount in node.container.mounts
        if isinstance(mount, VolumeMount)
    }
    assert brought == {"ci-data": False, "ci-execute-1-tokens": True, "ci-execute-1-log": True}


def test_cp_to_a_place_that_is_read_only(pools: PoolEngine, tmp_path: Path) -> None:
    """A file that a node cannot take is refused in our words, with what to do."""
    creation.create(pools, spec_of(), Progress(), timeout_s=5)
    # Of /, /usr, /usr/bin and the file in it that is new, the first three are directories.
    directories = "0 0 41ed\n" * 3
    pools.on_exec(["sh"], lambda _: FakeOutcome(stdout=f"{directories}\n{directories}"))
    (tmp_path / "x").touch()
    node = pool_nodes(pools, "ci")[-1]
    with pytest.raises(ReadOnlyError, match="ci-execute-1 is read-only at /usr/bin") as refused:
        files.copy_in(node, tmp_path / "x", "/usr/bin/x")
    assert "read_only: false" in (refused.value.hint or "")
    files.copy_in(node, tmp_path / "x", "/tmp/it/x")
    assert "/tmp/it/x" in pools.files(node.name)
