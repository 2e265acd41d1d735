"""A recording in asciinema's format, version 2, whose clock stops while nothing is to be seen.

The format: https://docs.asciinema.org/manual/asciicast/v2/
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

KEY_S = 0.04
"""So long a key takes, in the recording alone."""
READ_S = 1.2
"""So long the recording pauses when a command has ended, for the reader."""
LONGEST_PAUSE_S = 1.5
"""A longer pause is shortened to that."""


@dataclass(kw_only=True)
class Cast:
    """What has been written to a terminal, and when."""

    columns: int
    lines: int
    title: str
    events: list[tuple[float, str]] = field(default_factory=list)
    now_s: float = 0.0
    """The recording's own clock."""
    _seen_s: float = field(default_factory=time.monotonic)

    def write(self, text: str) -> None:
        """Add what a command has just written."""
        now = time.monotonic()
        self.now_s += min(now - self._seen_s, LONGEST_PAUSE_S)
        self._seen_s = now
        if text:
            self.events.append((self.now_s, text))

    def type(self, text: str) -> None:
        """Add what somebody types, at the speed of somebody who types."""
        for key in text:
            self.now_s += KEY_S
            self.events.append((self.now_s, key))
        self.pause(0.0)

    def pause(self, seconds: float = READ_S) -> None:
        """Let the reader read."""
        self.now_s += seconds
        self._seen_s = time.monotonic()

    @property
    def text(self) -> str:
        """The recording as a file: a line of JSON for the header, and one for each event."""
        header = {"version": 2, "width": self.columns, "height": self.lines, "title": self.title}
        end = (self.now_s, "")
        lines = [[round(at, 3), "o", text] for at, text in [*self.events, end]]
        return "\n".join(json.dumps(line) for line in [header, *lines]) + "\n"
