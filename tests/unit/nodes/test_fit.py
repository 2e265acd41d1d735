"""What of a plan an engine can do: read-only roots, and limits of processes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.progress import Progress
from condor_mini.engine import ScratchMount
from condor_mini.lifecycle import creation
from condor_mini.nodes.node import pool_nodes
from condor_mini.pool import Pool
from pool_ci import add_two, create, spec_of

if TYPE_CHECKING:
    from pool_engine import PoolEngine

LIMITED = "/etc/condor/config.d/25-limited"


def test_engine_without_read_only_roots(pools: PoolEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine without read-only roots gets writable nodes, and is asked for no scratch."""
    info = replace(pools.info(), read_only_roots=False)
    monkeypatch.setattr(pools, "info", lambda: info)
    creation.create(pools, spec_of(), Progress(), timeout_s=5)
    node = pools.spec("ci-execute-1")
    assert not node.read_only
    assert not any(isinstance(mount, ScratchMount) for mount in node.mounts)


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
