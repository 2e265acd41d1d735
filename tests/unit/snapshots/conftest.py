"""A pool in memory with state, and snapshots that are made by hand."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import HOME, KEYS, SPOOL
from condor_mini.base.tar_writer import TarWriter
from condor_mini.engine import FakeOutcome
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pool_engine import PoolEngine

ACCOUNTS = {
    "/etc/passwd": "root:x:0:0::/root:\ncondor:x:64:64::/:\njovyan:x:1000:1000::/home/jovyan:\n",
    "/etc/group": "root:x:0:\ncondor:x:64:\njovyan:x:1000:\n",
}
QUEUE = "1 0 2\n1 1 1\n2 0 5\n"


@pytest.fixture(autouse=True)
def _data_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Snapshots with names are the test's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def put(
    engine: PoolEngine, container: str, place: str, name: str, content: bytes, owner: int
) -> None:
    """Put a file into a directory that a node keeps."""
    tar = TarWriter()
    tar.file(name, content, 0o600, owner)
    engine.copy_in(container, tar.finish(), at=place)


@pytest.fixture
def saved_pool(pools: PoolEngine, monkeypatch: pytest.MonkeyPatch) -> Pool:
    """The pool ``ci``, whose access point has jobs, files and a token of its users."""
    copy_out = pools.copy_out

    def with_accounts(container: str, path: str) -> bytes:
        return ACCOUNTS[path].encode() if path in ACCOUNTS else copy_out(container, path)

    monkeypatch.setattr(pools, "copy_out", with_accounts, raising=False)
    pools.on_exec(["condor_q"], lambda _: FakeOutcome(stdout=QUEUE))
    pool = Pool.create("ci", engine=pools)
    put(pools, "ci-submit-1", SPOOL, "job_queue.log", b"101 1.0 Job\n", 64)
    put(pools, "ci-submit-1", SPOOL, "issued-tokens", b"token\n", 64)
    put(pools, "ci-submit-1", HOME, "secret", b"whisper\n", 1000)
    put(pools, "ci-submit-1", HOME, ".condor/tokens.d/pool", b"token\n", 1000)
    put(pools, "ci-submit-1", KEYS, "POOL", b"key\n", 0)
    put(pools, "ci-master", SPOOL, "Accountantnew.log", b"log\n", 64)
    put(pools, "ci-master", KEYS, "POOL", b"key\n", 0)
    return pool


@pytest.fixture
def write_snapshot(tmp_path: Path) -> Callable[..., Path]:
    """Write the file of a snapshot with what is wanted in its manifest, and more members."""

    def write(*members: tarfile.TarInfo, name: str = "hand.tar.gz", **changes: object) -> Path:
        manifest = {
            "format": 1,
            "condor_mini": "0.1.0",
            "made": datetime(2026, 11, 1, tzinfo=UTC).isoformat(),
            "pool": "ci",
            "series": "25",
            "engine": "fake",
            "keys": True,
            "spec": json.loads(PoolSpec(name="ci").to_json()),
            "nodes": {
                "master": {"role": "master", "group": "", "number": 0},
                "submit-1": {"role": "submit", "group": "default", "number": 1},
            },
            **changes,
        }
        path = tmp_path / name
        with tarfile.open(path, "w:gz") as tar:
            content = json.dumps(manifest).encode()
            first = tarfile.TarInfo("snapshot.json")
            first.size = len(content)
            tar.addfile(first, io.BytesIO(content))
            for member in members:
                tar.addfile(member, io.BytesIO(b"x" * member.size))
        return path

    return write
