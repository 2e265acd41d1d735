"""Looking again and again: redrawn in place on a terminal, and what has changed in a pipe."""

from __future__ import annotations

import os
import select
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn, Protocol

import click

from condor_mini.base.errors import CondorMiniError, NotFound, UsageError
from condor_mini.base.progress import fitting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from rich.live import Live
    from rich.text import Text

SHARE = 4
"""The pause is at least so many times as long as a look took: of a large queue, for example."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was seen at one moment."""

    lines: Sequence[str]
    state: object
    """What is compared with the look before: in contrast to ``lines``, without passing time."""


class Display(Protocol):
    """Shows one look after the other."""

    def __enter__(self) -> Display: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def show(self, seen: Look) -> None:
        """Show what was seen."""

    def fail(self, error: CondorMiniError) -> None:
        """Show why nothing was seen."""


def watch(
    look: Callable[[], Look],
    display: Display,
    *,
    every_s: float,
    pause: Callable[[float], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> NoReturn:
    """Look and show, until a signal ends it or the reader of our output has gone.

    A pool that stops answering is looked at further, and the display says why nothing is seen. An
    error of the first look ends it, and so does a pool that is deleted.

    Args:
        look: Looks once.
        display: Shows what was seen.
        every_s: Seconds from one look to the next.
        pause: Waits for so many seconds. None to wait for the reader's end too.
        clock: Returns seconds from any fixed point.

    Raises:
        BrokenPipeError: The reader of our output has gone.
    """
    pause = pause or pause_while_read
    began = clock()
    seen = look()
    with display:
        display.show(seen)
        while True:
            took_s = clock() - began
            pause(max(every_s - took_s, SHARE * took_s))
            began = clock()
            try:
                display.show(look())
            except (NotFound, UsageError):
                raise
            except CondorMiniError as error:
                display.fail(error)


def display_for_stdout(output: str, every_s: float) -> Display:
    """Return what redraws a terminal, or what prints changes: to a pipe, a dumb terminal, in CI."""
    dumb = os.environ.get("TERM", "dumb") in ("dumb", "unknown") or "CI" in os.environ
    if output == "text" and sys.stdout.isatty() and not dumb:
        return Redrawn(every_s)
    return Changes(with_time=output == "text")


def pause_while_read(seconds: float) -> None:
    """Wait for so many seconds; raises ``BrokenPipeError`` when nobody reads our output any more.

    Without this, ``condor-mini queue --watch | head`` would stay until something changes.
    """
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    if poll.poll(seconds * 1000):
        raise BrokenPipeError


class Changes:
    """Prints what was seen if it differs from what was seen before."""

    def __init__(self, *, with_time: bool) -> None:
        self._with_time = with_time
        self._last: object = None

    def __enter__(self) -> Changes:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, seen: Look) -> None:
        """Print the lines if the state has changed, below the time if that is wanted."""
        if seen.state == self._last:
            return
        if self._with_time:
            before = "" if self._last is None else "\n"
            click.echo(f"{before}{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        for line in seen.lines:
            click.echo(line)
        self._last = seen.state

    def fail(self, error: CondorMiniError) -> None:
        """Print the error to stderr if it is another one than before."""
        if str(error) != self._last:
            click.echo(f"condor-mini: {error}", err=True)
            self._last = str(error)


class Redrawn:
    """Redraws a terminal in place, without colours. Lines are cut to the terminal's width."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s

    def __enter__(self) -> Redrawn:
        from rich.console import Console
        from rich.live import Live

        # Without refreshing by itself, there is no thread that a signal could be delivered to.
        self._console = Console(file=sys.stdout, highlight=False)
        self._live: Live = Live(console=self._console, auto_refresh=False)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, seen: Look) -> None:
        """Draw the lines in place of those before, below the time."""
        now = datetime.now().astimezone()
        title = f"{now:%H:%M:%S}, every {self._every_s:g} s. End it with Ctrl-C."
        self._live.update(self._drawn([title, "", *seen.lines]), refresh=True)

    def fail(self, error: CondorMiniError) -> None:
        """Draw the error in place of the lines."""
        self.show(Look(lines=str(error).splitlines(), state=None))

    def _drawn(self, lines: Sequence[str]) -> Text:
        from rich.text import Text

        shown = fitting(lines, self._console.height - 1)
        return Text("\n".join(shown), no_wrap=True, overflow="ellipsis")
