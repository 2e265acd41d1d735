"""Saving the state of a pool in memory."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import (
    AlreadyInUse,
    CommandFailed,
    CondorMiniError,
    PoolNotReady,
    UsageError,
)
from condor_mini.base.layout import HEALTH
from condor_mini.engine import FakeOutcome
from condor_mini.snapshots.snapshot import Snapshot, directory

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from condor_mini.pool import Pool
    from pool_engine import PoolEngine

KEY = "submit-1/key/POOL"
TOKENS = {"submit-1/spool/issued-tokens", "submit-1/home/.condor/tokens.d/pool"}
STATE = {
    "master/spool/Accountantnew.log": ("condor", "condor"),
    "submit-1/spool/job_queue.log": ("condor", "condor"),
    "submit-1/home/secret": ("jovyan", "jovyan"),
}


def owners(path: Path) -> dict[str, tuple[str, str]]:
    """The owner and group of each file in a snapshot."""
    with tarfile.open(path) as tar:
        return {one.name: (one.uname, one.gname) for one in tar.getmembers() if one.isreg()}


def running(pool: Pool) -> list[str]:
    """The nodes that run."""
    return [node.name for node in pool.nodes if node.is_running]


def test_it_has_all_with_owners_by_name(saved_pool: Pool) -> None:
    """Queue, accounting, home and keys are there, and what ran is named; the pool runs on."""
    before = running(saved_pool)
    snapshot = saved_pool.save_snapshot("before")
    found = owners(snapshot.path)
    assert STATE.items() <= found.items()
    assert {KEY, *TOKENS} <= set(found)
    assert snapshot.path.stat().st_mode & 0o777 == 0o600
    assert directory().stat().st_mode & 0o777 == 0o700
    assert snapshot.manifest.nodes["submit-1"].running == ["1.0"]
    assert snapshot.jobs == {"held": 1, "idle": 1, "running": 1}
    assert running(saved_pool) == before
    assert [each.name for each in Snapshot.list()] == ["before"]


def test_without_keys_no_secret_is_in_it(saved_pool: Pool) -> None:
    """Neither keys nor tokens are in a snapshot that is to be given away."""
    found = owners(saved_pool.save_snapshot("before", keys=False).path)
    assert STATE.items() <= found.items()
    assert not {KEY, *TOKENS} & set(found)


def test_pool_that_is_stopped_stays_so(saved_pool: Pool) -> None:
    """Nothing is started; how many jobs there are is not known."""
    saved_pool.stop()
    assert saved_pool.save_snapshot("before").jobs is None
    assert running(saved_pool) == []


def test_one_that_exists_is_kept(saved_pool: Pool) -> None:
    """It is replaced only if that is asked for; the pool is not stopped for the refusal."""
    assert saved_pool.save_snapshot("before").manifest.keys
    with pytest.raises(AlreadyInUse, match="there is a snapshot before"):
        saved_pool.save_snapshot("before")
    assert Snapshot.open("before").manifest.keys
    assert not saved_pool.save_snapshot("before", keys=False, force=True).manifest.keys


def test_faults_end_when_nothing_stands_in_the_way(
    saved_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal changes nothing, neither nodes nor faults in force."""
    ended: list[str | None] = []
    monkeypatch.setattr(
        "condor_mini.faults.faults.Faults.end_on", lambda _, node: ended.append(node)
    )
    saved_pool.save_snapshot("before")
    assert ended == [None]
    with pytest.raises(AlreadyInUse):
        saved_pool.save_snapshot("before")
    assert ended == [None]


def test_bad_place_is_told(saved_pool: Pool, tmp_path: Path) -> None:
    """A directory that is absent, and another ending, are told before the pool is stopped."""
    with pytest.raises(UsageError, match="is no directory to write to"):
        saved_pool.save_snapshot(tmp_path / "absent/x.tar.gz")
    with pytest.raises(UsageError, match=r"the name of a snapshot's file ends in \.tar\.gz"):
        saved_pool.save_snapshot("./snapshot")
    assert len(running(saved_pool)) == 3


def test_silent_schedd_is_told(saved_pool: Pool, pools: PoolEngine) -> None:
    """Which jobs run is not known then: the hint says to stop the pool first."""
    pools.on_exec(["condor_q"], lambda _: FakeOutcome(returncode=1, stderr="Failed to connect"))
    with pytest.raises(PoolNotReady, match="the schedd of ci-submit-1 does not answer") as raised:
        saved_pool.save_snapshot("before")
    assert "condor-mini stop -n ci" in str(raised.value.hint)
    assert len(running(saved_pool)) == 3


def test_removed_container_is_told(saved_pool: Pool, pools: PoolEngine) -> None:
    """An engine reads volumes only through containers."""
    pools.remove("ci-submit-1")
    with pytest.raises(PoolNotReady, match="the containers of ci-submit-1 were removed"):
        saved_pool.save_snapshot("before")


def test_failure_leaves_a_pool_that_runs_and_no_file(
    saved_pool: Pool, pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever copy fails, the nodes are started again, and nothing is written."""
    copy, left = pools.copy_out_archive, 0

    def fails_after_some(container: str, path: str, archive: BinaryIO) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise CommandFailed(("cp",), 1, "no space left on device")
        copy(container, path, archive)

    monkeypatch.setattr(pools, "copy_out_archive", fails_after_some, raising=False)
    for copies in range(5):
        left = copies
        with pytest.raises(CondorMiniError, match="no space left on device"):
            saved_pool.save_snapshot("before")
        assert len(running(saved_pool)) == 3
        assert [*directory().iterdir()] == []


def test_snapshot_outlives_nodes_that_do_not_start(saved_pool: Pool, pools: PoolEngine) -> None:
    """If the pool does not work again, that is told, and what was saved is there."""
    pools.on_exec([HEALTH], lambda _: FakeOutcome(returncode=1, stdout="SCHEDD is not running"))
    with pytest.raises(PoolNotReady, match="SCHEDD is not running"):
        saved_pool.save_snapshot("before", timeout_s=1)
    assert STATE.items() <= owners(Snapshot.open("before").path).items()
