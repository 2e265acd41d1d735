"""How the bench is to run."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says."""

    quick: bool = False
    faults: tuple[str, ...] = ()
    """The faults to strike with; all if empty."""
    restart_engine: str | None = None
    """A command that restarts Docker's daemon."""
    logs: str | None = None
    """A directory for the logs of pools that have lost a job."""

    def times(self, number: int, quick: int) -> int:
        """Return how often to do something."""
        return quick if self.quick else number


def say(text: str) -> None:
    """Write a line of progress."""
    print(text, file=sys.stderr, flush=True)
