"""What a watch notices of a pool on the fake engine."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from condor_mini.dashboard import pool_watch
from condor_mini.dashboard.pool_watch import QUEUE_SCRIPT, PoolWatch
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from condor_mini.engine import FakeExec
    from fake_pool import FakePool

SOON_S = 10


@pytest.fixture
def changes(pool: FakePool, monkeypatch: pytest.MonkeyPatch) -> queue.SimpleQueue[None]:
    """What is noticed, one entry for each change."""
    monkeypatch.setattr(pool_watch, "WATCH_S", 1)
    noticed: queue.SimpleQueue[None] = queue.SimpleQueue()
    before = len(pool.engine.calls)
    PoolWatch(pool.engine, "ci", lambda: pool.nodes).watch(lambda: noticed.put(None))

    def unwatched() -> str | None:
        calls = [call.method for call in pool.engine.calls[before:]]
        return None if "exec" in calls else "nobody watches"

    wait_until(unwatched, timeout_s=SOON_S, interval_s=0.01)
    return noticed


def test_node_that_ends(pool: FakePool, changes: queue.SimpleQueue[None]) -> None:
    """A node that ends is noticed."""
    pool.engine.end("ci-execute-1", exit_code=1)
    changes.get(timeout=SOON_S)


def test_other_pool(pool: FakePool, changes: queue.SimpleQueue[None]) -> None:
    """What belongs to no pool of that name is not, whatever it is."""
    pool.engine.create_volume("ci2-submit-1", labels={})
    pool.engine.create_volume("ci-fault-1", labels={})
    changes.get(timeout=SOON_S)
    assert changes.empty()


def test_queue_that_changes_again(pool: FakePool) -> None:
    """After a change the queue is watched on, in what is left of the time."""
    answers = iter(["1", "1", "0"])
    asked = []

    def answer(call: FakeExec) -> FakeOutcome:
        if call.argv[2] != QUEUE_SCRIPT:
            return FakeOutcome(stdout="0")
        asked.append(call)
        return FakeOutcome(stdout=next(answers))

    pool.engine.on_exec(["sh", "-c"], answer)
    noticed: queue.SimpleQueue[None] = queue.SimpleQueue()
    PoolWatch(pool.engine, "ci", lambda: pool.nodes).watch(lambda: noticed.put(None))
    for _ in range(2):
        noticed.get(timeout=SOON_S)
    wait_until(lambda: None if len(asked) == 3 else "it is not watched on", timeout_s=SOON_S)


def test_closed_watch(pool: FakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is closed, the engine's changes are followed no more, and nobody begins again."""
    monkeypatch.setattr(pool_watch, "WATCH_S", 1)
    before = set(threading.enumerate())
    watch = PoolWatch(pool.engine, "ci", lambda: pool.nodes)
    watch.watch(lambda: None)
    watch.close()
    watch.watch(lambda: None)

    def left() -> str | None:
        return ", ".join(each.name for each in set(threading.enumerate()) - before) or None

    wait_until(left, timeout_s=SOON_S, interval_s=0.01)
