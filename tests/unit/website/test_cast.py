"""Recordings in asciinema's format."""

from __future__ import annotations

import json

import pytest

from website import cast
from website.cast import KEY_S, LONGEST_PAUSE_S, READ_S, Cast


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the recordings."""
    clock = Clock()
    monkeypatch.setattr(cast, "time", clock)
    return clock


def recording() -> Cast:
    """Return a recording that has just begun."""
    return Cast(columns=80, lines=24, title="Title", _seen_s=100.0)


def test_format(clock: Clock) -> None:
    """The first line is the header, then comes an event a line; the last one is the end."""
    made = recording()
    clock.now += 0.5
    made.write("é\r\n")
    made.pause()
    header, *events = (json.loads(line) for line in made.text.splitlines())
    assert header == {"version": 2, "width": 80, "height": 24, "title": "Title"}
    assert events == [[0.5, "o", "é\r\n"], [0.5 + READ_S, "o", ""]]


def test_long_pauses_are_shortened(clock: Clock) -> None:
    """Nobody waits for what took long."""
    made = recording()
    clock.now += 60
    made.write("done")
    assert made.events == [(LONGEST_PAUSE_S, "done")]


def test_typing(clock: Clock) -> None:
    """A line is typed key by key, and what the echo took counts as nothing."""
    made = recording()
    clock.now += 10
    made.type("ls")
    clock.now += 0.1
    made.write("\r\n")
    times = [round(at, 6) for at, _ in made.events]
    assert times == [KEY_S, 2 * KEY_S, 2 * KEY_S + 0.1]
    assert [text for _, text in made.events] == ["l", "s", "\r\n"]
