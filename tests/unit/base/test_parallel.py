"""Several calls at a time."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, NoReturn

import pytest

from condor_mini.base.parallel import WORKERS, each
from condor_mini.base.signals import ENDING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 10.0


def interrupt(*numbers: signal.Signals) -> None:
    """Send signals to our own process, as a terminal does."""
    for number in numbers or (signal.SIGINT,):
        os.kill(os.getpid(), number)


def fail(_: object) -> NoReturn:
    """What fails."""
    raise ZeroDivisionError


def test_results_are_in_the_items_order() -> None:
    """Whoever is ready first, the results stand as the items stood."""

    def call(number: int) -> int:
        time.sleep(0.05 / number)
        return number

    assert each(call, [1, 2, 3, 4]) == [1, 2, 3, 4]


def test_nothing_to_do_is_done() -> None:
    """No item, no result."""
    assert each(fail, []) == []


def test_several_are_under_way_at_once() -> None:
    """As many as there are workers run at the same time."""
    barrier = threading.Barrier(WORKERS)
    each(lambda _: barrier.wait(PATIENCE_S), range(WORKERS))


def test_first_failure_is_raised() -> None:
    """What fails first is raised, not what stands first."""
    begun = threading.Event()

    def call(name: str) -> None:
        if name == "late":
            begun.wait(PATIENCE_S)
            time.sleep(0.3)
            raise KeyError(name)
        begun.set()
        raise ValueError(name)

    with pytest.raises(ValueError, match="early"):
        each(call, ["late", "early"])


def test_what_has_not_begun_is_dropped() -> None:
    """After a failure nothing new begins."""
    begun: list[int] = []
    gate = threading.Event()

    def call(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise ZeroDivisionError
        gate.wait(PATIENCE_S)

    with pytest.raises(ZeroDivisionError):
        each(call, range(100), on_stop=gate.set)
    assert len(begun) < 2 * WORKERS + 2


def waiting_for(stop: Callable[[], object]) -> None:
    """A failure while another call takes its time; ``stop`` is called in between."""
    ended: list[str] = []
    gate = threading.Event()

    def call(name: str) -> None:
        if name == "fails":
            raise ZeroDivisionError
        gate.wait(PATIENCE_S)
        time.sleep(0.1)
        ended.append(name)

    def on_stop() -> None:
        gate.set()
        stop()

    with pytest.raises(ZeroDivisionError):
        each(call, ["lasts", "fails"], on_stop=on_stop)
    assert ended == ["lasts"]


def test_what_is_under_way_is_waited_for() -> None:
    """After a failure nothing runs on unseen."""
    waiting_for(lambda: None)


def test_those_under_way_are_told_once() -> None:
    """``on_stop`` is called once, when something has failed."""
    told: list[int] = []
    waiting_for(lambda: told.append(1))
    assert told == [1]


def test_success_stops_nobody() -> None:
    """``on_stop`` is not called when all goes well."""
    assert each(str, [1], on_stop=lambda: fail(None)) == ["1"]


def test_interrupt_waits_for_what_is_under_way() -> None:
    """Ctrl-C is raised when all that had begun has ended, and nothing has begun since."""
    begun: list[int] = []
    ended: list[int] = []
    gate = threading.Event()

    def call(number: int) -> None:
        begun.append(number)
        if number == 0:
            interrupt()
        gate.wait(PATIENCE_S)
        ended.append(number)

    with pytest.raises(KeyboardInterrupt):
        each(call, range(100), on_stop=gate.set)
    assert sorted(begun) == sorted(ended)
    assert len(begun) < 100


def test_second_interrupt_waits_too() -> None:
    """Pressing Ctrl-C again while the rest is waited for does not leave it running."""
    ended: list[int] = []
    gate = threading.Event()

    def call(number: int) -> None:
        if number == 0:
            interrupt()
        gate.wait(PATIENCE_S)
        time.sleep(0.1)
        ended.append(number)

    def again() -> None:
        interrupt()
        gate.set()

    with pytest.raises(KeyboardInterrupt):
        each(call, range(3), on_stop=again)
    assert len(ended) == 3


@pytest.mark.parametrize("number", ENDING)
def test_workers_hold_signals_back(number: signal.Signals) -> None:
    """No worker takes a signal that is for the main thread, nor does what it starts."""
    (mask,) = each(lambda _: signal.pthread_sigmask(signal.SIG_BLOCK, ()), [1])
    assert number in mask


def test_thread_that_cannot_be_started_fails_cleanly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no thread left, what has begun is waited for, and that is raised."""
    ended: list[int] = []
    start = threading.Thread.start
    number = 0

    def refuse(thread: threading.Thread) -> None:
        nonlocal number
        number += 1
        if number > 2:
            raise RuntimeError("can't start new thread")
        start(thread)

    def call(number: int) -> None:
        time.sleep(0.1)
        ended.append(number)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start"):
        each(call, range(50))
    assert 1 <= len(ended) <= 2
