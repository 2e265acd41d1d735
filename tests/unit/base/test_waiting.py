"""The wait loop, by a clock that the test turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineInstallError, PoolNotReady, TimedOut
from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        """The time, in seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.naps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    """A clock at some time."""
    return Clock()


def answers_at(clock: Clock, *answers: tuple[float, str | None]) -> Callable[[], str | None]:
    """A probe that gives the last of these answers whose time, since now, has come."""
    began = clock.now

    def probe() -> str | None:
        return [answer for at, answer in answers if clock.now - began >= at - 1e-6][-1]

    return probe


def test_done_at_once_does_not_sleep(clock: Clock) -> None:
    """What is done already costs no wait."""
    wait_until(lambda: None, timeout_s=10, clock=clock, sleep=clock.sleep)
    assert clock.naps == []


def test_answers_with_the_time_that_it_took(clock: Clock) -> None:
    """The result is the time from the first question to the last answer."""
    probe = answers_at(clock, (0, "no"), (2, None))
    took = wait_until(probe, timeout_s=10, interval_s=0.5, clock=clock, sleep=clock.sleep)
    assert took == pytest.approx(2.0)


def test_asks_at_the_interval(clock: Clock) -> None:
    """Between two questions lies the interval."""
    probe = answers_at(clock, (0, "no"), (1, None))
    wait_until(probe, timeout_s=10, interval_s=0.25, clock=clock, sleep=clock.sleep)
    assert clock.naps == pytest.approx([0.25] * 4)


def test_asks_once_more_at_the_deadline(clock: Clock) -> None:
    """What is done at the very deadline is done."""
    probe = answers_at(clock, (0, "no"), (3, None))
    took = wait_until(probe, timeout_s=3, interval_s=2, clock=clock, sleep=clock.sleep)
    assert took == pytest.approx(3.0)


def test_deadline_tells_the_last_reason_and_since_when(clock: Clock) -> None:
    """The error holds the last reason, and for how long it has stood."""
    probe = answers_at(clock, (0, "no collector"), (4, "no startd"))
    with pytest.raises(TimedOut) as caught:
        wait_until(probe, timeout_s=10, interval_s=1, clock=clock, sleep=clock.sleep)
    assert caught.value.message == "Not ready after 10 s: no startd (for the last 6 s)"


def test_headline_is_the_callers_own(clock: Clock) -> None:
    """The caller says how the message begins."""
    with pytest.raises(TimedOut, match=r"^not all have ended: no \(for the last 1 s\)$"):
        wait_until(
            lambda: "no",
            timeout_s=1,
            headline="not all have ended",
            clock=clock,
            sleep=clock.sleep,
        )


def test_error_is_the_callers_own(clock: Clock) -> None:
    """The caller says which error it is."""
    with pytest.raises(EngineInstallError, match="Not ready after 1 s: no"):
        wait_until(
            lambda: "no", timeout_s=1, error=EngineInstallError, clock=clock, sleep=clock.sleep
        )


def test_probe_that_raises_ends_the_wait(clock: Clock) -> None:
    """A probe that knows that there is no hope ends the wait."""

    def probe() -> str | None:
        raise EngineInstallError("it died")

    with pytest.raises(EngineInstallError, match="it died"):
        wait_until(probe, timeout_s=1, clock=clock, sleep=clock.sleep)
    assert clock.naps == []


def test_slow_probe_is_asked_after_the_deadline_at_most_once(clock: Clock) -> None:
    """A probe that takes longer than the wait is given one last chance."""
    asked: list[float] = []

    def probe() -> str | None:
        asked.append(clock.now)
        clock.now += 30
        return "no"

    with pytest.raises(TimedOut):
        wait_until(probe, timeout_s=10, clock=clock, sleep=clock.sleep)
    assert len(asked) == 2


def test_not_ready_ends_with_5() -> None:
    """The command line ends with 5 when time is up."""
    assert (TimedOut.exit_code, PoolNotReady.exit_code) == (5, 5)
