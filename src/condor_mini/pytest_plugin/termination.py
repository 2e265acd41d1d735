"""Signals that end pytest without a word: they end it as Ctrl-C does, so that pools are removed."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)
SIGNAL_BASE = 128
"""A shell's status for a process that a signal ended is this plus the signal's number."""


class Termination:
    """While it is in force, SIGTERM and SIGHUP are Ctrl-C to pytest.

    Signals that the user's code handles or ignores are left alone.
    """

    def __init__(self, *, needed: Callable[[], bool]) -> None:
        """Put it in force.

        Args:
            needed: Returns whether there is a pool to remove. Otherwise a signal acts as usual.
        """
        self._needed = needed
        self._process = os.getpid()
        self.signal: int | None = None
        """The signal that came; None if none did."""
        in_charge = threading.current_thread() is threading.main_thread()
        self._numbers = [
            number for number in SIGNALS if in_charge and signal.getsignal(number) is signal.SIG_DFL
        ]
        for number in self._numbers:
            signal.signal(number, self._on_signal)

    @property
    def exit_status(self) -> int | None:
        """The status of a process that the signal ended; None if no signal came."""
        return None if self.signal is None else SIGNAL_BASE + self.signal

    def end(self) -> None:
        """Let the signals act as before."""
        for number in self._numbers:
            signal.signal(number, signal.SIG_DFL)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        if os.getpid() != self._process or not self._needed():  # a fork has our handlers
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self.signal = number
        raise KeyboardInterrupt(signal.Signals(number).name)
