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


def await_end(before: set[threading.Thread]) -> None:
    """Wait until no other threads are left."""

    def left() -> str | None:
        return ", ".join(each.name for each in set(threading.enumerate()) - before) or None

    wait_until(left, timeout_s=SOON_S, interval_s=0.01)


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


def test_queue_that_changes_again(pool: FakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue is watched on after a change, and after a program has waited in vain.

    It is not where a program ends at once, as without a log: that would be repeated without end.
    """
    monkeypatch.setattr(pool_watch, "WATCH_S", 1)
    before = set(threading.enumerate())
    answers = iter(["1", "0", "1"])
    asked = []

    def answer(call: FakeExec) -> FakeOutcome:
        if call.argv[2] != QUEUE_SCRIPT:
            return FakeOutcome(stdout="")
        asked.append(call)
        if len(asked) == 2:  # it waits in vain, and the next look asks for more
            threading.Event().wait(pool_watch.WATCH_S)
            begin()
        return FakeOutcome(stdout=next(answers, "0"))

    def begin() -> None:
        watch.watch(lambda: noticed.put(None))

    pool.engine.on_exec(["sh", "-c"], answer)
    noticed: queue.SimpleQueue[None] = queue.SimpleQueue()
    watch = PoolWatch(pool.engine, "ci", lambda: pool.nodes)
    begin()
    for _ in range(2):
        noticed.get(timeout=SOON_S)
    wait_until(lambda: None if len(asked) >= 4 else "it is not watched on", timeout_s=SOON_S)
    watch.close()
    await_end(before)
    assert len(asked) <= 5  # the second look may have begun once more


@pytest.mark.parametrize("most", [1, 2])
def test_complete_watch(pool: FakePool, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """It is complete when a program waits in each place: the manager and the access point."""
    monkeypatch.setattr(pool_watch, "SETTLED_S", 0)
    monkeypatch.setattr(pool_watch, "MOST_PLACES", most)
    done = threading.Event()

    def answer(call: FakeExec) -> FakeOutcome:
        del call
        done.wait(SOON_S)
        return FakeOutcome(stdout="")

    pool.engine.on_exec(["sh", "-c"], answer)
    watch = PoolWatch(pool.engine, "ci", lambda: pool.nodes)
    assert not watch.watch(lambda: None)

    def waits() -> str | None:
        calls = [call for call in pool.engine.calls if call.method == "exec"]
        return None if len(calls) >= most else "a program is missing"

    def incomplete() -> str | None:
        return None if watch.watch(lambda: None) else "it is not complete"

    wait_until(waits, timeout_s=SOON_S, interval_s=0.01)
    if most < 2:
        assert incomplete()
    else:
        wait_until(incomplete, timeout_s=SOON_S, interval_s=0.01)
    done.set()
    wait_until(lambda: "it is complete" if watch.watch(lambda: None) else None, timeout_s=SOON_S)
    watch.close()


def test_closed_watch(pool: FakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is closed, the engine's changes are followed no more, and nobody begins again."""
    monkeypatch.setattr(pool_watch, "WATCH_S", 1)
    before = set(threading.enumerate())
    watch = PoolWatch(pool.engine, "ci", lambda: pool.nodes)
    watch.watch(lambda: None)
    watch.close()
    watch.watch(lambda: None)
    await_end(before)
