"""Giving up on a call that has no deadline of its own."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

LOOK_S = 0.05
"""How often ``unless`` asks whether to give up, in seconds."""


def unless(given_up: Callable[[], bool], work: Callable[[], T]) -> T:
    """Return what ``work`` returns, and wait for it no longer than until ``given_up`` is true.

    ``work`` runs in a thread of its own, because a socket's timeout starts again with each byte,
    and does not cover the look-up of a name at all. A call that is given up is left behind: its
    thread ends when the call does, or with the process.

    Args:
        given_up: Whether to wait no longer; asked every ``LOOK_S`` seconds.
        work: The call.

    Raises:
        TimeoutError: ``given_up`` was true before ``work`` returned.
        Exception: Whatever ``work`` raises.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again, in the caller's thread
            done.set_exception(error)

    # The thread inherits this: signals are for the main thread.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        threading.Thread(target=run, daemon=True).start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    while True:
        try:
            return done.result(timeout=LOOK_S)
        except NotDone:
            if done.done():
                return done.result()
            if given_up():
                raise TimeoutError from None
