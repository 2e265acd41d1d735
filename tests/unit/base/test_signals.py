"""Signals that are held back until what is under way is done."""

from __future__ import annotations

import os
import signal
import time
from typing import NoReturn

import pytest

from condor_mini.base.signals import held_back


def interrupt(*numbers: signal.Signals) -> None:
    """Send signals to our own process, as a terminal does."""
    for number in numbers or (signal.SIGINT,):
        os.kill(os.getpid(), number)


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
