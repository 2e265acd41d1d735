"""Calls that are waited for only as long as somebody wants them."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from condor_mini.base.cancellation import unless


def test_what_it_returns() -> None:
    """A call that returns in time gives its result."""
    assert unless(lambda: False, lambda: 7) == 7


def test_what_it_raises() -> None:
    """A call's own failure is raised as it is, a timeout of its own included."""
    failure = TimeoutError("its own")

    def fail() -> None:
        raise failure

    with pytest.raises(TimeoutError, match="its own"):
        unless(lambda: False, fail)


def test_given_up() -> None:
    """A call that nobody wants any more is left behind at once."""
    over = threading.Event()
    began = time.monotonic()
    try:
        with pytest.raises(TimeoutError):
            unless(lambda: time.monotonic() > began + 0.1, over.wait)
        assert time.monotonic() - began < 2
    finally:
        over.set()


def test_signals_are_for_the_main_thread() -> None:
    """No signal goes to the call's thread, and the caller hears signals as before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    inside = unless(lambda: False, lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP} <= inside
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
