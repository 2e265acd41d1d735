"""Locks between processes; two descriptors of one file stand for two processes."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CondorMiniError, EngineInstallError, TimedOut
from condor_mini.base.locks import Lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is absent at first."""
    return tmp_path / "lock"


@pytest.fixture
def held(path: Path) -> Iterator[Lock]:
    """A lock that is held."""
    with Lock.open(path) as lock:
        lock.acquire()
        yield lock


@pytest.mark.usefixtures("held")
def test_lock_file_is_private(path: Path) -> None:
    """Only its owner can hold it, and so keep others waiting."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("shared", [False, True])
def test_held_lock_is_not_given(path: Path, *, shared: bool) -> None:
    """What one holds alone nobody else gets."""
    with Lock.open(path) as other:
        assert not other.try_acquire(shared=shared)


def test_lock_ends_with_its_context(path: Path) -> None:
    """After the context another one gets it."""
    with Lock.open(path) as lock:
        lock.acquire()
    with Lock.open(path) as other:
        assert other.try_acquire()


def test_shared_lock_is_of_several(path: Path) -> None:
    """Who shares it holds it alone only once nobody else has it."""
    with Lock.open(path) as one:
        with Lock.open(path) as other:
            one.acquire(shared=True)
            other.acquire(shared=True)
            assert not one.try_acquire()
        assert one.try_acquire()


def test_directory_is_locked(tmp_path: Path) -> None:
    """A directory is a lock without any file."""
    with Lock.open_directory(tmp_path) as one, Lock.open_directory(tmp_path) as other:
        one.acquire()
        assert (other.try_acquire(), list(tmp_path.iterdir())) == (False, [])


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("error", [TimedOut, EngineInstallError])
def test_deadline_tells_what_the_other_does(path: Path, error: type[CondorMiniError]) -> None:
    """At the deadline the error says what the other process does."""
    with Lock.open(path) as other, pytest.raises(error, match="another process starts a pool"):
        other.acquire_within(0, reason="another process starts a pool", error=error)
