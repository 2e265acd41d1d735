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
    from collections.abc import Callable, Iterator, Sequence

    from rich.status import Status

    ShowTable = Callable[[str, Sequence[str]], None]

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

    @contextmanager
    def table(self, name: str, *, done: str | None = None) -> Iterator[ShowTable]:
        """Show that ``name`` is under way, as ``step`` does; yield what shows a table below it.

        The function that is yielded takes the latest detail and the lines of the table.
        """
        with self.step(name, done=done):
            yield lambda detail, lines: None  # noqa: ARG005 (a table is for a terminal)


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
        from rich.markup import escape

        with self._status(name, done) as status:

            def show(detail: str) -> None:
                line = " ".join(detail.split())[:LONGEST_DETAIL]
                status.update(f"{escape(name)} [dim]{escape(line)}[/]")

            yield show

    @contextmanager
    def table(self, name: str, *, done: str | None = None) -> Iterator[ShowTable]:
        """Show that ``name`` is under way; yield what shows the latest detail and a table."""
        from rich.text import Text

        with self._status(name, done) as status:

            def show(detail: str, lines: Sequence[str]) -> None:
                # The first line begins with the spinner, and no line may be broken.
                size = status.console.size
                first = f"{name}: {' '.join(detail.split())}"
                shown = fitting([first, *lines], size.height - 2)
                text = Text("\n".join(shown))
                cut = text.split("\n")
                for line in cut:
                    line.truncate(max(1, size.width - 3), overflow="ellipsis")
                status.update(Text("\n").join(cut))

            yield show

    @contextmanager
    def _status(self, name: str, done: str | None) -> Iterator[Status]:
        from rich.console import Console
        from rich.markup import escape

        status = Console(stderr=True).status(escape(name))
        with PlainProgress.step(self, name, done=done):
            try:
                with held_back():  # signals are for the main thread, and this starts another
                    status.start()
                yield status
            finally:
                status.stop()


def fitting(lines: Sequence[str], height: int) -> list[str]:
    """Return so many lines at most; if some are left out, the last line says how many."""
    if len(lines) <= height:
        return list(lines)
    shown = max(1, height - 1)
    return [*lines[:shown], f"… {len(lines) - shown} more lines"]


def progress_for_stderr(*, quiet: bool = False) -> Progress:
    """Return what shows progress: live on a terminal, plain in a pipe or CI, none if quiet."""
    if quiet:
        return Progress()
    if sys.stderr.isatty() and "CI" not in os.environ:
        return LiveProgress()
    return PlainProgress()
