"""The only wait loop: ask until it is done, and say what was missing when time is up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError, TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(
    probe: Callable[[], str | None],
    *,
    timeout_s: float,
    interval_s: float = 0.1,
    error: Callable[[str], CondorMiniError] = TimedOut,
    headline: str | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Wait until ``probe`` returns None; return how long it took, in seconds.

    The probe is asked at least once, and once more at the deadline. What it raises ends the wait:
    a probe raises where waiting longer is of no use.

    Args:
        probe: Returns None when done, else the reason why it is not done yet.
        timeout_s: Deadline, in seconds from now.
        interval_s: Pause between an answer and the next question, in seconds.
        error: Makes the exception from the message when time is up.
        headline: How that message begins; ``Not ready after TIMEOUT s`` by default. The last
            reason follows, and for how long it has been the reason.
        clock: Returns seconds from any fixed point.
        sleep: Pauses for so many seconds.

    Raises:
        CondorMiniError: What ``error`` makes; ``TimedOut`` by default.
    """
    began = clock()
    deadline = began + timeout_s
    reason: str | None = None
    since = began
    while True:
        asked = clock()
        answer = probe()
        if answer is None:
            return clock() - began
        if answer != reason:
            reason, since = answer, asked
        now = clock()
        if asked >= deadline:
            start = headline or f"Not ready after {timeout_s:g} s"
            raise error(f"{start}: {reason} (for the last {now - since:.0f} s)")
        sleep(max(0.0, min(interval_s, deadline - now)))
