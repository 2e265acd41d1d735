"""Makes a personal pool's image while ``./run`` makes the Python environment of the command line.

It needs only Python's own library. It reports no failure: the command itself then makes the image,
and reports what is wrong.
"""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentError, ArgumentParser
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.progress import PlainProgress, Progress
from condor_mini.base.series import catalogue
from condor_mini.base.signals import ENDING
from condor_mini.engines import find_engine
from condor_mini.images import builder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class _WithBeginnings(PlainProgress):
    """A line when a step begins, too: for a terminal, without what shows a spinner."""

    @contextmanager
    def step(self, name: str, *, done: str | None = None) -> Iterator[Callable[[str], None]]:
        """Show that ``name`` is under way; yield a function to call with each new detail."""
        self.note(f"{name} ...")
        with super().step(name, done=done) as detail:
            yield detail


def main(arguments: Sequence[str]) -> None:
    """Make the image ``mini`` on the engine that ``run`` will find, if there is one.

    Args:
        arguments: Those of ``condor-mini run``.
    """
    with suppress(ArgumentError, CondorMiniError):
        options, _ = parser().parse_known_args(arguments)
        if options.help:
            return
        series = catalogue().get(options.htcondor)
        engine = find_engine(options.engine)
        builder.ensure(engine, "mini", series, _progress(quiet=options.quiet))


def parser() -> ArgumentParser:
    """Return the parser of those options of ``run`` that matter here."""
    options = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    options.add_argument("--engine")
    options.add_argument("--htcondor")
    options.add_argument("--quiet", "-q", action="store_true")
    options.add_argument("--help", action="store_true")
    return options


def _progress(*, quiet: bool) -> Progress:
    if quiet:
        return Progress()
    return _WithBeginnings() if sys.stderr.isatty() else PlainProgress()


def _end(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    # A shell lets what it starts in the background ignore Ctrl-C.
    for ending in ENDING:
        signal.signal(ending, _end)
    main(sys.argv[1:])
