"""A full disk, in memory: what is mounted, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineCapabilityError, NotFound, UsageError
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from condor_mini.engine import FakeExec
    from fake_pool import FakePool

EXECUTE = "/var/lib/condor/execute"


@pytest.fixture
def asked(pool: FakePool) -> list[str]:
    """What was asked beside the node; all directories but /absent are there."""
    asked: list[str] = []

    def answer(call: FakeExec) -> FakeOutcome:
        asked.append(" ".join(call.argv[2:]))
        return FakeOutcome()

    for action in ("make", "end"):
        pool.engine.on_exec(["sh", "-s", action], answer)
    pool.engine.on_exec(["condor_config_val"], lambda _: FakeOutcome(stdout=f"{EXECUTE}\n"))
    pool.engine.on_exec(["test", "-d"], lambda c: FakeOutcome(returncode=c.argv[2] == "/absent"))
    pool.engine.add_image("debian:trixie-slim")
    return asked


@pytest.mark.parametrize("path", [None, "/var/spool/condor", "/var/spool/condor/"])
def test_directory_is_full_and_healed(pool: FakePool, asked: list[str], path: str | None) -> None:
    """It is tried where nobody is, then made in the node, and taken off there."""
    with pool.faults.disk_full("execute-1", path=path):
        pass
    directory = (path or EXECUTE).rstrip("/")
    assert asked == ["make /mnt", f"make {directory}", f"end {directory}"]
    where = [call.target for call in pool.engine.calls if call.method == "run_in_mounts"]
    node = pool.node("execute-1").info.id
    assert where == ["", node, node]


@pytest.mark.parametrize("path", ["/", "tmp", "/a b", "/a/../etc", "/proc/1", "/dev", "/a,b", ""])
def test_false_paths(pool: FakePool, asked: list[str], path: str) -> None:
    """What is no whole path, or is on no disk, is refused."""
    with pytest.raises(UsageError):
        pool.faults.disk_full("execute-1", path=path)
    assert asked == []


def test_absent_directory(pool: FakePool, asked: list[str]) -> None:
    """A directory that the node does not have is refused."""
    with pytest.raises(NotFound, match="/absent"):
        pool.faults.disk_full("execute-1", path="/absent")
    assert asked == []


def test_engine_that_may_not_mount(pool: FakePool, asked: list[str]) -> None:
    """What cannot be mounted where nobody is, is not tried in the node."""
    refusal = FakeOutcome(returncode=32, stderr="mount: permission denied")
    pool.engine.on_exec(["sh", "-s", "make", "/mnt"], lambda _: refusal)
    with pytest.raises(EngineCapabilityError, match="permission denied"):
        pool.faults.disk_full("execute-1")
    assert (asked, pool.faults.in_force()) == ([], [])
