"""Several calls at a time, and signals that come meanwhile."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, NoReturn

import pytest

from condor_mini.base.parallel import WORKERS, each
from condor_mini.base.signals import ENDING, held_back

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


# -- held back ------------------------------------------------------------------------------------


def interrupted_inside(done: list[str]) -> None:
    """A context in which Ctrl-C comes, and in it another one."""
    with held_back():
        with held_back():
            interrupt()
            done.append("inner")
        done.append("outer")


def test_signal_waits_for_the_end_of_the_outermost_context() -> None:
    """What is inside is done to its end; then the signal does what it always does."""
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted_inside(done)
    assert done == ["inner", "outer"]


def test_signals_are_as_they_were_afterwards() -> None:
    """Whatever ended the context, nothing is held back after it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with pytest.raises(KeyboardInterrupt):
        interrupted_inside([])
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_signal_that_came_before_raises_inside_a_gap() -> None:
    """Where signals are let through, one that waits acts at once, and the next one waits again."""
    done: list[str] = []
    with held_back() as held:
        interrupt()
        with pytest.raises(KeyboardInterrupt), held.let_through():
            done.append("not this")
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert done == []


def test_two_signals_at_once_leave_nothing_blocked() -> None:
    """Of two that wait, the second may cut off the first one's end: nothing stays held back."""

    def again(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    term = signal.signal(signal.SIGTERM, again)
    raised = 0
    try:
        try:
            with held_back():
                interrupt(signal.SIGINT, signal.SIGTERM)
        except KeyboardInterrupt:
            raised += 1
        time.sleep(0)  # where the second is raised, if it has not been yet
    except KeyboardInterrupt:
        raised += 1
    finally:
        signal.signal(signal.SIGTERM, term)
    assert raised > 0
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_ignored_signal_stays_ignored() -> None:
    """A signal that is ignored, as nohup has it, is not made to wait and then act."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with held_back():
            interrupt(signal.SIGHUP)
            assert signal.SIGHUP not in signal.sigpending()
    finally:
        signal.signal(signal.SIGHUP, before)
