"""Images that claim to be a pool's: beside a pool that runs, and as its own execution points."""

from __future__ import annotations

import tarfile
import uuid
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import LABEL
from condor_mini.engine import ContainerSpec
from condor_mini.nodes.node import pool_nodes
from hand_made import node_labels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.pool.pools.conftest import Cli

    from condor_mini.engine import Engine
    from condor_mini.pool import Pool

APPLETS = ("cat", "id", "sh", "sleep")


@pytest.fixture
def root_tar(busybox: Path, tmp_path: Path) -> Path:
    """A root file system of one program, as a tar."""
    path = tmp_path / "root.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(busybox, "bin/busybox")
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return path


@pytest.fixture
def image(pool_engine: Engine) -> Iterator[str]:
    """The name of an image; when the test is over it is gone, with what was made of it."""
    name = f"condor-mini-test-{uuid.uuid4().hex[:12]}:claiming"
    yield name
    mine = [info.id for info in pool_engine.containers({}) if info.image == name]
    pool_engine.remove(*mine)
    pool_engine.remove_image(name)


@pytest.fixture
def claimant(pool_engine: Engine, pool: Pool, root_tar: Path, image: str) -> str:
    """A container in a pool's network, whose image says that it is a node of the pool."""
    claims = node_labels(pool.name, "execute", 9)
    pool_engine.import_image(root_tar, image, labels=claims)
    name = f"{pool.name}-execute-9"
    pool_engine.create(
        ContainerSpec(image=image, name=name, command=("sleep", "60"), network=pool.name)
    )
    pool_engine.start(name)
    return name


@pytest.mark.every_engine
def test_a_claimant_is_told_and_is_no_node(cli: Cli, pool: Pool, claimant: str) -> None:
    """The pool is usable as it was, `status` warns of the claimant, and no command runs there."""
    shown = cli("status")
    assert shown.stdout.startswith(f"The pool {pool.name} is usable")
    assert f"Warning: the container {claimant}: its labels say" in shown.stderr
    assert cli("exec", "--node", claimant, "--", "id").returncode == 3


@pytest.mark.pool_engines("embedded", reason="no other engine makes an image of a tar in a moment")
@pytest.mark.every_engine
def test_labels_of_an_own_image_do_not_count(
    fresh: Cli, pool_engine: Engine, root_tar: Path, image: str
) -> None:
    """Execution points of an image that claims everything are what condor-mini makes of them."""
    claims = node_labels("theirs", "master", series="23", group="evil", spec="{")
    claims |= {f"{LABEL}.one-user": "true", f"{LABEL}.own-image": "theirs"}
    pool_engine.import_image(root_tar, image, labels=claims)
    fresh.succeeds("create", "--execute-image", image)
    fresh.succeeds("scale", "--execute", "2")
    nodes = [f"{fresh.name}-{node}" for node in ("master", "submit-1", "execute-1", "execute-2")]
    assert [node.name for node in pool_nodes(pool_engine, fresh.name)] == nodes
    assert fresh("status").stderr == ""
