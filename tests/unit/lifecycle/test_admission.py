"""What is refused before anything is built, on an engine in memory."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import AlreadyInUse, CondorMiniError, EngineCapabilityError, UsageError
from condor_mini.base.progress import Progress
from condor_mini.engine import ContainerSpec, EngineInfo
from condor_mini.images import builder
from condor_mini.lifecycle import creation
from condor_mini.nodes import custom_image
from condor_mini.pool import Pool
from pool_ci import spec_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.spec import PoolSpec
    from pool_engine import PoolEngine

    Refused = Callable[..., CondorMiniError]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, pools: PoolEngine) -> list[str]:
    """What is built or fetched from now on."""
    del pools  # whose fixture lets nothing be built either
    built: list[str] = []

    def build(*_: object, **__: object) -> list[object]:
        built.append("image")
        return []

    def fetch(*_: object, **__: object) -> object:
        built.append("runtime")
        raise AssertionError

    monkeypatch.setattr(builder, "build", build)
    monkeypatch.setattr(custom_image, "beside", fetch)
    return built


@pytest.fixture
def refused(pools: PoolEngine, built: list[str]) -> Refused:
    """Returns why a pool is not created; nothing was built, and nothing is left."""

    def refused(spec: PoolSpec) -> CondorMiniError:
        before = [call.method for call in pools.calls if call.method.startswith("create")]
        with pytest.raises(CondorMiniError) as error:
            creation.create(pools, spec, Progress(), timeout_s=1)
        after = [call.method for call in pools.calls if call.method.startswith("create")]
        assert (built, after) == ([], before)
        return error.value

    return refused


def foreign(name: str) -> ContainerSpec:
    """A container that has nothing to do with pools."""
    return ContainerSpec(image="condor-execute:25", name=name)


def test_pool_that_exists(pools: PoolEngine, refused: Refused, built: list[str]) -> None:
    """A pool's name is taken while the pool exists."""
    Pool.create("ci", engine=pools)
    built.clear()
    assert isinstance(refused(spec_of()), AlreadyInUse)


def test_name_of_a_node(pools: PoolEngine, refused: Refused) -> None:
    """A container outside all pools has the name of a node."""
    pools.create(foreign("ci-execute-2"))
    error = refused(spec_of())
    assert (error.exit_code, "ci-execute-2" in error.message) == (4, True)


def test_network_of_somebody_else(pools: PoolEngine, refused: Refused) -> None:
    """The network of that name is no pool's."""
    pools.create_network("ci", labels={})
    assert "network ci" in refused(spec_of()).message


def test_port_that_is_taken(refused: Refused) -> None:
    """A program of this machine listens at the port that a node is to publish."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        error = refused(spec_of(access_points=[{"ports": [f"127.0.0.1:{port}:9618"]}]))
    assert (error.exit_code, str(port) in error.message) == (4, True)


def test_host_files_of_an_engine_without(refused: Refused) -> None:
    """Only the embedded engine shows the host's files."""
    spec = spec_of(execution_points=[{"image": "host-files"}])
    assert isinstance(refused(spec), EngineCapabilityError)


def test_limit_that_the_engine_lacks(
    pools: PoolEngine, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit that nothing would enforce is refused."""
    without: EngineInfo = replace(pools.info(), limits=())
    monkeypatch.setattr(pools, "info", lambda: without)
    error = refused(spec_of(execution_points=[{"limit": {"memory": "1G"}}]))
    assert isinstance(error, EngineCapabilityError)


def test_name_of_a_new_node(pools: PoolEngine, built: list[str]) -> None:
    """`scale` finds out first that a container outside the pool has the new node's name."""
    pool = Pool.create("ci", engine=pools)
    pools.create(foreign("ci-execute-2"))
    built.clear()
    with pytest.raises(AlreadyInUse, match="ci-execute-2"):
        pool.scale(2)
    assert built == []


def test_name_of_a_lost_node(pools: PoolEngine, built: list[str]) -> None:
    """`start` finds out first that a container outside the pool has the lost node's name."""
    pool = Pool.create("ci", engine=pools)
    pools.remove("ci-execute-1")
    pools.create(foreign("ci-execute-1"))
    built.clear()
    with pytest.raises(AlreadyInUse, match="ci-execute-1"):
        pool.start()
    assert built == []


def test_older_series(pools: PoolEngine, built: list[str]) -> None:
    """`restart` refuses an older HTCondor while the pool runs."""
    pool = Pool.create("ci", engine=pools)
    built.clear()
    with pytest.raises(UsageError):
        pool.restart(series="23")
    assert (built, all(node.is_running for node in pool.nodes)) == ([], True)


def test_upgrade_whose_image_is_absent(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch, built: list[str]
) -> None:
    """`restart --htcondor` needs all images before it stops the first node."""
    pool = Pool.create("ci", engine=pools)

    def absent(*_: object, **__: object) -> list[object]:
        raise EngineCapabilityError("no image")

    monkeypatch.setattr(custom_image, "equipped", absent)
    with pytest.raises(EngineCapabilityError):
        pool.restart(series="25")
    assert all(node.is_running for node in pool.nodes)
    assert "image" in built
