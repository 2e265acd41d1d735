"""What recordings are told of faults."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from condor_mini.faults.notices import Listener, Notice, Phase, announce

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fake_pool import FakePool
    from struck_nodes import StruckNodes

NOTICE = Notice(
    phase=Phase.BEGIN,
    time=datetime(2026, 11, 29, 12, tzinfo=UTC),
    fault="freeze",
    target="ci-execute-1/startd",
    mark="m",
    jobs=("7.0",),
    until=datetime(2026, 11, 29, 13, tzinfo=UTC),
)


@pytest.fixture
def listener(pool: FakePool) -> Iterator[Listener]:
    """One who listens to the pool ``ci``."""
    with Listener(pool) as listener:
        yield listener


def test_each_listener_hears_once(pool: FakePool, listener: Listener) -> None:
    """Every one who listens is told everything, in order."""
    with Listener(pool) as other:
        announce(pool, [NOTICE])
        assert (listener.read(), other.read()) == ([NOTICE], [NOTICE])
        announce(pool, [NOTICE, NOTICE])
        assert listener.read() == [NOTICE, NOTICE]
    announce(pool, [NOTICE])
    assert listener.read() == [NOTICE]
    assert listener.read() == []


def test_nobody_listens(pool: FakePool, tmp_path: Path) -> None:
    """Then nothing is written; and nothing is left of those who did."""
    announce(pool, [NOTICE])
    assert not [*tmp_path.glob("state/condor-mini/recordings/**/*")]
    Listener(pool).close()
    announce(pool, [NOTICE])
    assert not [*tmp_path.glob("state/condor-mini/recordings/*/ci")]


def test_listener_that_was_killed(pool: FakePool, listener: Listener, tmp_path: Path) -> None:
    """What a killed one has left is removed by the next notice, so that it does not grow."""
    killed = Listener(pool)
    killed._lock.close()
    announce(pool, [NOTICE])
    assert listener.read() == [NOTICE]
    assert len([*tmp_path.glob("state/condor-mini/recordings/fake/ci/*")]) == 1


def test_faults_are_told(struck: StruckNodes, pool: FakePool, listener: Listener) -> None:
    """A moment once; a fault that lasts when it begins and when it is healed, with one mark."""
    del struck
    with pool.faults.freeze("execute-1", "startd") as fault:
        assert fault.record.mark
    pool.faults.kill("execute-1", "startd")
    heard = listener.read()
    assert [(one.phase, one.fault, one.target) for one in heard] == [
        ("begin", "freeze", "ci-execute-1/startd"),
        ("end", "freeze", "ci-execute-1/startd"),
        ("moment", "kill", "ci-execute-1/startd"),
    ]
    assert [one.mark for one in heard] == [fault.record.mark, fault.record.mark, ""]
