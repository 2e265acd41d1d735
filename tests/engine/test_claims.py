"""On every engine: containers of an image that claims to be a pool's are none of its nodes."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed
from condor_mini.base.layout import LABEL, TOKENS
from condor_mini.engine import BindMount, ContainerSpec, VolumeMount
from condor_mini.engine.command import run as run_command
from condor_mini.lifecycle import removal
from condor_mini.nodes.holdings import Holdings
from condor_mini.nodes.node import pool_labels, pool_nodes
from condor_mini.nodes.personal_labels import CONTAINER_USER, PERSONAL_STATE
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec
from hand_made import node_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from condor_mini.engine import Engine

    MakeContainer = Callable[[ContainerSpec], str]

FOREVER = ("sleep", "1000")


@pytest.fixture
def pool() -> str:
    """The name of a pool that is not there."""
    return f"t{uuid.uuid4().hex[:8]}"


@pytest.fixture
def claiming(
    engine: Engine, root_tar: Path, name: str, labels: dict[str, str], pool: str
) -> Iterator[str]:
    """An image whose labels are all that a pool's central manager has."""
    claims = node_labels(pool, "master", spec=PoolSpec(name=pool).to_json().replace('"', "'"))
    claims |= {f"{LABEL}.own-image": "it", f"{LABEL}.one-user": "true"}
    engine.import_image(root_tar, f"{name}:claiming", labels={**labels, **claims})
    yield f"{name}:claiming"
    engine.remove_image(f"{name}:claiming")


@pytest.fixture
def network(engine: Engine, pool: str, claiming: str) -> Iterator[str]:
    """The pool's network, as `create` makes it."""
    del claiming  # whose containers are removed first
    engine.create_network(pool, labels=pool_labels(pool))
    yield pool
    engine.remove_network(pool)


@pytest.fixture
def claimant(engine: Engine, network: str, claiming: str, create: MakeContainer) -> str:
    """A container of that image, which runs in the pool's network, and has the node's name."""
    spec = ContainerSpec(image=claiming, name=f"{network}-master", command=FOREVER, network=network)
    engine.start(create(spec))
    return spec.name


def test_it_is_no_node(engine: Engine, claimant: str, pool: str) -> None:
    """By its image's labels alone a container is no node, whatever name and network it has."""
    assert claimant == f"{pool}-master"
    assert pool_nodes(engine, pool) == []


def test_it_is_reported(engine: Engine, claimant: str, pool: str) -> None:
    """What is wrong with it is told, and it is named."""
    held = Holdings(engine, pool)
    assert held.nodes == []
    (problem,) = held.problems
    assert (problem.kind, problem.name, problem.pool) == ("container", claimant, pool)
    assert f"does not mount that node's volume {pool}-master-tokens" in problem.evidence


def test_it_is_not_removed(engine: Engine, claimant: str, pool: str) -> None:
    """It outlives the deletion of the pool, which it claims to be of."""
    container = engine.inspect(claimant)
    assert container is not None
    with suppress(CommandFailed):  # it keeps the network from going
        removal.remove(engine, pool)
    left = engine.inspect(claimant)
    assert left is not None
    assert left.id == container.id


def test_it_is_no_pool(engine: Engine, claiming: str, create: MakeContainer, pool: str) -> None:
    """There is no pool of that name where only such a container is."""
    create(ContainerSpec(image=claiming, name=f"{pool}-master", command=FOREVER))
    assert pool not in [each.name for each in Pool.list(engine=engine)]


def test_it_is_a_node_with_that_nodes_volume(
    engine: Engine, claiming: str, create: MakeContainer, pool: str
) -> None:
    """What a pool's node has and no image brings makes it one: the other tests can fail."""
    volume, labels = f"{pool}-master-tokens", pool_labels(pool)
    mount = VolumeMount(volume=volume, target=TOKENS, labels=labels)
    try:
        name = create(
            ContainerSpec(image=claiming, name=f"{pool}-master", command=FOREVER, mounts=(mount,))
        )
        assert [node.name for node in pool_nodes(engine, pool)] == [name]
    finally:
        engine.remove(f"{pool}-master")
        engine.remove_volume(volume)


@pytest.mark.engines("docker", "podman")
def test_a_copy_of_a_node_is_no_node(
    engine: Engine, image: str, create: MakeContainer, pool: str, name: str
) -> None:
    """A container of an image that was made from a node has all its labels, and is no node."""
    volume = f"{pool}-execute-1-tokens"
    mount = VolumeMount(volume=volume, target=TOKENS, labels=pool_labels(pool))
    labels = node_labels(pool, "execute", 1)
    node = f"{pool}-execute-1"
    spec = ContainerSpec(image=image, name=node, command=FOREVER, labels=labels, mounts=(mount,))
    try:
        create(spec)
        assert [each.name for each in pool_nodes(engine, pool)] == [node]
        run_command([engine.name, "commit", node, f"{name}:copy"], timeout_s=60)
        engine.remove(node)
        engine.create(ContainerSpec(image=f"{name}:copy", name=node, command=FOREVER))
        copy = engine.inspect(node)
        assert copy is not None
        assert labels.items() <= copy.labels.items()
        assert pool_nodes(engine, pool) == []
    finally:
        engine.remove(node)
        engine.remove_image(f"{name}:copy")
        engine.remove_volume(volume)


@pytest.fixture
def personal(
    engine: Engine, root_tar: Path, name: str, labels: dict[str, str], tmp_path: Path
) -> Iterator[str]:
    """An image whose labels are those of a personal pool with the container's name."""
    ours = {
        "role": "mini",
        "number": "0",
        "series": "25",
        "state": str(tmp_path),
        "user": "1000:1000",
    }
    claims = {**pool_labels(name), **{f"{LABEL}.{key}": value for key, value in ours.items()}}
    claims[CONTAINER_USER] = "1000:1000"
    engine.import_image(root_tar, f"{name}:personal", labels={**labels, **claims})
    yield f"{name}:personal"
    engine.remove_image(f"{name}:personal")


@pytest.mark.parametrize("mounted", [False, True])
def test_personal_pool_by_its_images_labels(
    engine: Engine,
    personal: str,
    create: MakeContainer,
    name: str,
    tmp_path: Path,
    *,
    mounted: bool,
) -> None:
    """It is a personal pool only if a directory of the host is mounted for its state."""
    mounts = (BindMount(source=tmp_path, target=PERSONAL_STATE),) if mounted else ()
    create(ContainerSpec(image=personal, name=name, command=FOREVER, mounts=mounts))
    found = [node.name for node in Holdings(engine).nodes]
    assert (name in found) is mounted
