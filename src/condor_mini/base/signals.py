"""Holds back signals that would end us while something must not be left half done.

These are classes and not generators: if a signal cuts off the end of a generator, the rest runs
when Python happens to collect it.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from threading import Thread
    from types import TracebackType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class HeldBack:
    """Ctrl-C and its like wait until the context ends, and then act as usual.

    Threads that are started inside hold them back for good: otherwise the system would deliver a
    signal to such a thread, and Python would act on it here after all.
    """

    def __init__(self) -> None:
        self._numbers = [n for n in ENDING if signal.getsignal(n) is not signal.SIG_IGN]
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def __enter__(self) -> Self:
        try:
            self.block()  # a signal that came before raises here
        except BaseException:
            self.unblock()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.unblock()

    def block(self) -> None:
        """Let them wait from now on."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)

    def unblock(self) -> None:
        """Let them act as they did before."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def let_through(self) -> LetThrough:
        """Return a context in which signals act as they always do."""
        return LetThrough(self)


class LetThrough:
    """The signals that are held back act while the context lasts."""

    def __init__(self, held: HeldBack) -> None:
        self._held = held

    def __enter__(self) -> None:
        try:
            self._held.unblock()  # a signal that has come raises here
        except BaseException:
            self._held.block()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._held.block()


def held_back() -> HeldBack:
    """Return a context that signals do not interrupt."""
    return HeldBack()


def start_thread(thread: Thread) -> None:
    """Start a thread that leaves the signals to the others, as to the main thread."""
    with held_back():
        thread.start()
