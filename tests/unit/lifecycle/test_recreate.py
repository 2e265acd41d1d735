"""Containers that were removed, and pools that get a newer HTCondor, on an engine in memory."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, PoolNotReady, UsageError
from condor_mini.engine import FakeOutcome, VolumeMount
from condor_mini.nodes.node import pool_nodes
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from condor_mini.engine import ContainerSpec
    from pool_engine import PoolEngine

NODES = ["ci-master", "ci-submit-1", "ci-execute-1", "ci-execute-2"]
TOKEN = "/etc/condor/tokens.d/node"  # noqa: S105 (where it is, not what it is)


@pytest.fixture
def pool(pools: PoolEngine) -> Pool:
    """A pool with two execution points, of HTCondor 23."""
    for role in ("master", "submit", "execute"):
        pools.add_image(f"condor-{role}:23")
    return Pool.create("ci", execution_points=2, series="23", engine=pools)


def volumes(engine: PoolEngine) -> list[str]:
    """The names of all volumes."""
    return sorted(volume.name for volume in engine.volumes({}))


def mounts(spec: ContainerSpec) -> list[object]:
    """What a node mounts, whether or not it has brought it with it."""
    return [
        replace(mount, labels=None) if isinstance(mount, VolumeMount) else mount
        for mount in spec.mounts
    ]


def is_new(mount: object) -> bool:
    """Whether it is a volume that the node has brought with it."""
    return isinstance(mount, VolumeMount) and mount.labels is not None


def tar_of(name: str, content: bytes) -> bytes:
    """A tar of one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("name", NODES)
def test_a_removed_node_is_made_anew(pools: PoolEngine, pool: Pool, name: str) -> None:
    """`start` makes a node whose container was removed, from the same spec, and starts it."""
    before = pools.spec(name)
    pools.remove(name)
    pool.start()
    assert [node.name for node in pool.nodes if node.is_running] == NODES
    after = pools.spec(name)
    made = "io.condor-mini.making"
    assert {**after.labels, made: ""} == {**before.labels, made: ""}
    assert (after.hostname, mounts(after)) == (before.hostname, mounts(before))


def test_a_node_that_is_made_anew_has_a_token(pools: PoolEngine, pool: Pool) -> None:
    """When its container starts a new token of its own is there."""
    before = pools.files("ci-submit-1")[TOKEN].content
    pools.remove("ci-submit-1")
    pool.start()
    assert TOKEN in pools.at_start["ci-submit-1"]
    assert pools.files("ci-submit-1")[TOKEN].content != before


def test_all_nodes_are_made_anew(pools: PoolEngine, pool: Pool) -> None:
    """A pool all of whose containers were removed is opened and started as before."""
    pools.remove(*NODES)
    Pool.open("ci", engine=pools).start()
    assert [node.name for node in pool.nodes if node.is_running] == NODES


def test_a_pool_without_containers_says_so(pools: PoolEngine, pool: Pool) -> None:
    """A command on it says what there is, and what to type."""
    pools.remove(*NODES)
    with pytest.raises(PoolNotReady, match="its state is kept") as caught:
        pool.exec(["true"])
    assert "condor-mini start -n ci" in str(caught.value)


def test_one_node_alone_is_made_anew(pools: PoolEngine, pool: Pool) -> None:
    """`start --node` makes that one, and not another one that was removed too."""
    pools.remove("ci-execute-1", "ci-execute-2")
    pool.start(node="execute-2")
    assert [node.name for node in pool.nodes] == ["ci-master", "ci-submit-1", "ci-execute-2"]


def test_no_node_without_its_central_manager(pools: PoolEngine, pool: Pool) -> None:
    """A node alone is not made while the central manager, which gives it its token, is gone."""
    pools.remove("ci-master", "ci-execute-1")
    with pytest.raises(PoolNotReady, match="ci-execute-1 needs ci-master") as caught:
        pool.start(node="execute-1")
    assert "condor-mini start -n ci" in str(caught.value)


def test_a_stopped_central_manager_is_started_first(pools: PoolEngine, pool: Pool) -> None:
    """A node can be recreated in a pool that is stopped."""
    pool.stop()
    pools.remove("ci-execute-1")
    pool.start()
    assert [node.name for node in pool.nodes if node.is_running] == NODES


def test_nodes_that_were_scaled_away_stay_away(pools: PoolEngine, pool: Pool) -> None:
    """`scale` down removes a node's state with it, and `start` makes no such node again."""
    no_job = FakeOutcome(returncode=1)
    pools.on_exec(["sh"], lambda _: no_job)
    for command in ("condor_off", "condor_status"):
        pools.on_exec([command], lambda _: FakeOutcome())
    pool.scale(1)
    pool.start()
    assert [node.name for node in pool.nodes] == NODES[:3]
    assert "ci-execute-2-tokens" not in volumes(pools)


def test_a_node_that_was_added_is_made_anew(pools: PoolEngine, pool: Pool) -> None:
    """Also a node of which the pool's spec knows nothing, because it was scaled up."""
    pool.scale(3)
    pools.remove("ci-execute-3")
    pool.start()
    assert [node.name for node in pool.nodes] == [*NODES, "ci-execute-3"]


def test_what_fails_leaves_the_state(pools: PoolEngine, pool: Pool) -> None:
    """If a node cannot be recreated, its container goes, its volumes stay, and `start` works."""
    kept = volumes(pools)
    pools.remove("ci-submit-1")
    refusal = CommandFailed(["docker", "cp"], 1, "it broke")

    def refuse() -> None:
        raise refusal

    pools.before["copy_in"] = refuse
    with pytest.raises(CommandFailed) as caught:
        pool.start()
    pools.disarm()
    assert "condor-mini start -n ci" in str(caught.value)
    assert "ci-submit-1" not in [node.name for node in pool.nodes]
    assert volumes(pools) == kept
    pool.start()
    assert [node.name for node in pool.nodes] == NODES


def test_an_upgrade_keeps_the_volumes(pools: PoolEngine, pool: Pool) -> None:
    """All containers are of the new series, on the volumes that the old ones had."""
    before = {name: mounts(pools.spec(name)) for name in NODES}
    done = len(pools.calls)
    pool.restart(series="25")
    assert {node.info.image for node in pool.nodes} == {
        f"condor-{role}:25" for role in ("master", "submit", "execute")
    }
    assert {name: mounts(pools.spec(name)) for name in NODES} == before
    brought = [mount for name in NODES for mount in pools.spec(name).mounts if is_new(mount)]
    methods = {call.method for call in pools.calls[done:]}
    assert (brought, methods & {"create_volume", "remove_volume"}) == ([], set())


def test_an_upgraded_pool_remembers(pools: PoolEngine, pool: Pool) -> None:
    """A central manager that is removed after an upgrade comes back with the new series."""
    pool.restart(series="25")
    pools.remove("ci-master")
    pool.start()
    assert {node.series for node in pool.nodes} == {"25"}


def test_an_upgraded_pool_of_which_only_state_is_left(pools: PoolEngine, pool: Pool) -> None:
    """What the central manager's spool was written by last is what the nodes are made of."""
    pool.restart(series="25")
    pools.copy_in("ci-master", tar_of("htcondor-series", b"25\n"), at="/var/spool/condor")
    pools.remove(*NODES)
    pool.start()
    assert [(node.name, node.series) for node in pool.nodes] == [(name, "25") for name in NODES]


def test_a_downgrade_is_refused(pools: PoolEngine, pool: Pool) -> None:
    """An older HTCondor than the pool has is refused, and nothing is touched."""
    pool.restart(series="25")
    before = [node.info.id for node in pool_nodes(pools, "ci")]
    with pytest.raises(UsageError, match="has HTCondor 25"):
        pool.restart(series="23")
    assert [node.info.id for node in pool_nodes(pools, "ci")] == before


def test_one_node_is_not_upgraded_alone(pool: Pool) -> None:
    """--node and --htcondor exclude each other."""
    with pytest.raises(UsageError, match="omit --node"):
        pool.restart(node="execute-1", series="25")


def test_a_pool_without_its_central_managers_state_is_lost(pools: PoolEngine, pool: Pool) -> None:
    """Without the central manager's volumes nothing is left to recreate the pool from."""
    pools.remove(*(node.info.id for node in pool.nodes))
    for name in volumes(pools):
        if name.startswith("ci-master-"):
            pools.remove_volume(name)
    with pytest.raises(PoolNotReady, match="lost its central manager and that node's") as raised:
        pool.start(timeout_s=5)
    assert "condor-mini delete -n ci" in str(raised.value.hint)
