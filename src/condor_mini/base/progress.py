"""What a person sees while something is made: always on stderr, so that stdout is for results.

The library is silent by default; pass another ``Progress`` to see something.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from condor_mini.base.signals import held_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_DETAIL = 60
"""Characters of a detail that are shown: a terminal's line is to hold all of it."""


class Progress:
    """Shows steps and notes; this one shows nothing."""

    def note(self, text: str) -> None:
        """Show one line that stands by itself."""

    @contextmanager
    def step(self, name: str, *, done: str | None = None) -> Iterator[Callable[[str], None]]:  # noqa: ARG002 (silent)
        """Show that ``name`` is under way; yield a function to call with each new detail.

        When it has ended, it is shown as ``done``, if that is given.
        """
        yield lambda detail: None  # noqa: ARG005 (silent)


class PlainProgress(Progress):
    """A line when a step has ended: for pipes and logs."""

    def note(self, text: str) -> None:
        """Show one line that stands by itself."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201 (this is where lines are written)

    @contextmanager
    def step(self, name: str, *, done: str | None = None) -> Iterator[Callable[[str], None]]:
        """Show that ``name`` is under way; yield a function to call with each new detail."""
        started = time.monotonic()
        yield lambda detail: None  # noqa: ARG005 (a detail is for a terminal)
        self.note(f"{done or name} ({time.monotonic() - started:.1f} s)")


class LiveProgress(PlainProgress):
    """On a terminal: a spinner with the latest detail while a step is under way."""

    @contextmanager
    def step(self, name: str, *, done: str | None = None) -> Iterator[Callable[[str], None]]:
        """Show that ``name`` is under way; yield a function to call with each new detail."""
        from rich.console import Console
        from rich.markup import escape

        status = Console(stderr=True).status(escape(name))

        def show(detail: str) -> None:
            line = " ".join(detail.split())[:LONGEST_DETAIL]
            status.update(f"{escape(name)} [dim]{escape(line)}[/]")

        with super().step(name, done=done):
            try:
                with held_back():  # signals are for the main thread, and this starts another
                    status.start()
                yield show
            finally:
                status.stop()


def progress_for_stderr(*, quiet: bool = False) -> Progress:
    """Return what shows progress: live on a terminal, plain in a pipe or CI, none if quiet."""
    if quiet:
        return Progress()
    if sys.stderr.isatty() and "CI" not in os.environ:
        return LiveProgress()
    return PlainProgress()
