"""Pools in memory that begin with a snapshot, or get their state back."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest
from tests.unit.snapshots.conftest import put

from condor_mini.base.errors import NotFound, StateError, UsageError
from condor_mini.base.layout import HOME, KEYS, SPOOL
from condor_mini.engine import FakeOutcome
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from condor_mini.engine import FakeExec
    from pool_engine import PoolEngine

QUEUE, SECRET, KEY = f"{SPOOL}/job_queue.log", f"{HOME}/secret", f"{KEYS}/POOL"
TOKENS = (f"{SPOOL}/issued-tokens", f"{HOME}/.condor/tokens.d/pool")


@pytest.fixture
def saved(saved_pool: Pool) -> Path:
    """A snapshot of the pool ``ci``."""
    return saved_pool.save_snapshot("before").path


def test_another_pool_has_all_but_the_keys(saved: Path, pools: PoolEngine) -> None:
    """It has the files with their owners' numbers, before its nodes start, and keys of its own."""
    Pool.create("other", from_snapshot=saved, engine=pools)
    found = pools.files("other-submit-1")
    assert (found[QUEUE].uid, found[QUEUE].content) == (64, b"101 1.0 Job\n")
    assert (found[SECRET].uid, found[SECRET].mode) == (1000, 0o600)
    assert not {KEY, *TOKENS} & set(found)
    assert {QUEUE, SECRET} <= pools.at_start["other-submit-1"]
    assert f"{SPOOL}/Accountantnew.log" in pools.at_start["other-master"]


def test_the_same_pool_has_the_keys(saved: Path, saved_pool: Pool, pools: PoolEngine) -> None:
    """A pool of the name in the snapshot is that pool: tokens that were given out are valid."""
    saved_pool.delete()
    Pool.create(from_snapshot=saved, engine=pools)
    assert {QUEUE, SECRET, KEY, *TOKENS} <= pools.at_start["ci-submit-1"]


def test_state_is_replaced(saved: Path, saved_pool: Pool, pools: PoolEngine) -> None:
    """What the pool has got since is gone, on all nodes that the snapshot has."""
    execute = pools.inspect("ci-execute-1")
    put(pools, "ci-submit-1", HOME, "new", b"", 1000)
    saved_pool.restore_snapshot(saved)
    found = pools.files("ci-submit-1")
    assert {QUEUE, SECRET, KEY} <= set(found)
    assert f"{HOME}/new" not in found
    assert all(node.is_running for node in saved_pool.nodes)
    again = pools.inspect("ci-execute-1")
    assert execute
    assert again
    assert execute.id == again.id


def test_what_ran_is_removed_before_an_execution_point_runs(saved: Path, pools: PoolEngine) -> None:
    """Only if it is asked for; a schedd that does not answer yet is asked again."""
    asked: list[tuple[str, ...]] = []

    def remove(call: FakeExec) -> FakeOutcome:
        asked.append(call.argv)
        assert not (node := pools.inspect("other-execute-1")) or node.started_at is None
        return FakeOutcome(returncode=1 if len(asked) == 1 else 0)

    pools.on_exec(["condor_rm"], remove)
    Pool.create("kept", from_snapshot=saved, engine=pools)
    assert asked == []
    Pool.create("other", from_snapshot=saved, leave_out_running=True, engine=pools)
    assert [argv[-1] for argv in asked] == ["1.0", "1.0"]


def test_pool_that_does_not_fit_is_refused(
    saved: Path, pools: PoolEngine, write_snapshot: Callable[..., Path]
) -> None:
    """An older HTCondor, and a pool without one of the nodes, are told before anything is made."""
    nodes = {"submit-2": {"role": "submit", "group": "default", "number": 2}}
    with pytest.raises(UsageError, match="has the state of submit-2, and the pool has no such"):
        Pool.create("other", from_snapshot=write_snapshot(nodes=nodes), engine=pools)
    with pytest.raises(UsageError, match="may misread its files"):
        Pool.create("other", series="23", from_snapshot=saved, engine=pools)
    with pytest.raises(NotFound, match="there is no snapshot absent"):
        Pool.create("other", from_snapshot="absent", engine=pools)
    assert [pool.name for pool in Pool.list(engine=pools)] == ["ci"]


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "submit-1/spool/../../x", "submit-1/log/x", "execute-1/spool/x", "x"],
)
def test_foreign_file_is_refused(
    saved_pool: Pool, write_snapshot: Callable[..., Path], name: str
) -> None:
    """What is not of a node's state makes the snapshot a damaged one, and the pool goes on."""
    with pytest.raises(StateError, match="is not of a node's state"):
        saved_pool.restore_snapshot(write_snapshot(tarfile.TarInfo(name)))
    assert all(node.is_running for node in saved_pool.nodes)


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.LNKTYPE])
def test_foreign_kind_is_refused(
    saved_pool: Pool, write_snapshot: Callable[..., Path], kind: bytes
) -> None:
    """So does a device, or a hard link that leads out of the state."""
    member = tarfile.TarInfo("submit-1/home/x")
    member.type, member.linkname = kind, "../../etc/shadow"
    with pytest.raises(StateError, match="is not of a node's state"):
        saved_pool.restore_snapshot(write_snapshot(member))


def test_damaged_file_is_refused(saved: Path, saved_pool: Pool) -> None:
    """A file whose end is damaged is found out before the pool is stopped."""
    content = bytearray(saved.read_bytes())
    content[-20] ^= 0xFF
    saved.write_bytes(content)
    with pytest.raises(StateError, match="is damaged"):
        saved_pool.restore_snapshot(saved)
    assert all(node.is_running for node in saved_pool.nodes)


def test_several_access_points_have_their_own(saved_pool: Pool, pools: PoolEngine) -> None:
    """Nodes are filled at the same time, and each gets its own files, whole."""
    names = [f"submit-{number}" for number in range(1, 7)]
    content = {name: name.encode() * 200_000 for name in names}
    saved_pool.delete()
    pool = Pool.create("ci", access_points=len(names), engine=pools)
    for name in ("master", *names):
        put(pools, f"ci-{name}", SPOOL, "log", b"", 64)
        put(pools, f"ci-{name}", KEYS, "POOL", b"key", 0)
    for name in names:
        put(pools, f"ci-{name}", HOME, "large", content[name], 1000)
    path = pool.save_snapshot("several").path
    Pool.create("other", from_snapshot=path, engine=pools)
    found = {name: pools.files(f"other-{name}")[f"{HOME}/large"].content for name in names}
    assert found == content
