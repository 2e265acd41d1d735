"""Arguments of condor_submit: which a dry run takes too, and which cannot work from this machine.

The options, and how they are abbreviated, are those of ``main`` in HTCondor's ``submit.cpp``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from condor_mini.base.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Use(Enum):
    """What an option changes."""

    JOBS = auto()
    """Which jobs there are, and their ads."""
    OTHERS = auto()
    """Something else: what is printed, or how the jobs get to the schedd."""
    NO_JOBS = auto()
    """Nothing is submitted."""
    TARGET = auto()
    """Which schedd gets the jobs."""
    TERMINAL = auto()
    """Whether a person takes part."""
    FILE = auto()
    """Which submit file is read."""


@dataclass(frozen=True)
class Option:
    """An option of condor_submit."""

    name: str
    least: int
    """Number of letters that an abbreviation has at least."""
    use: Use
    values: int = 0
    """Number of arguments that follow as its values; ``ALL`` for all up to the next option."""

    def is_meant_by(self, argument: str) -> bool:
        """Return whether an argument is this option, perhaps abbreviated and with ``:DETAILS``."""
        if not argument.startswith("-"):
            return False
        word = argument.lstrip("-").partition(":")[0]
        least = len(self.name) if argument.startswith("--") else self.least
        return len(word) >= least and self.name.startswith(word)


ALL = -1
OPTIONS = (
    Option("verbose", 1, Use.OTHERS),
    Option("terse", 3, Use.OTHERS),
    Option("disable", 3, Use.JOBS),
    Option("debug", 2, Use.OTHERS),
    Option("dry-run", 3, Use.NO_JOBS, 1),
    Option("spool", 1, Use.OTHERS),
    Option("file", 2, Use.FILE, 1),
    Option("digest", 6, Use.OTHERS, 1),
    Option("factory", 2, Use.OTHERS),
    Option("generator", 1, Use.OTHERS),
    Option("address", 2, Use.TARGET, 1),
    Option("remote", 1, Use.TARGET, 1),
    Option("name", 1, Use.TARGET, 1),
    Option("append", 1, Use.JOBS, 1),
    Option("batch-name", 1, Use.JOBS, 1),
    Option("batch-id", 1, Use.JOBS, 1),
    Option("queue", 1, Use.JOBS, ALL),
    Option("iterate", 2, Use.JOBS, ALL),
    Option("table", 5, Use.JOBS, 1),
    Option("maxjobs", 3, Use.JOBS, 1),
    Option("single-cluster", 3, Use.JOBS),
    Option("pool", 2, Use.TARGET, 1),
    Option("unused", 1, Use.OTHERS),
    Option("dump", 2, Use.NO_JOBS, 1),
    Option("force-mpi-universe", 7, Use.JOBS),
    Option("allow-crlf-script", 8, Use.JOBS),
    Option("help", 1, Use.NO_JOBS),
    Option("capabilities", 3, Use.NO_JOBS),
    Option("interactive", 1, Use.TERMINAL),
)
"""In the order of condor_submit: an abbreviation means the first option that it fits."""


def for_dry_run(arguments: Sequence[str]) -> list[str]:
    """Return the arguments that decide which jobs there are: those that a dry run takes too."""
    return [
        word
        for option, words in _options(arguments)
        if option is None or option.use is Use.JOBS
        for word in words
    ]


def submit_nothing(arguments: Sequence[str]) -> bool:
    """Return whether condor_submit only prints or writes something with these arguments."""
    return any(option and option.use is Use.NO_JOBS for option, _ in _options(arguments))


def check(arguments: Sequence[str], pool: str) -> None:
    """Raise ``UsageError`` for an option that cannot work from this machine."""
    for option, words in _options(arguments):
        match option.use if option else None:
            case Use.TERMINAL:
                raise UsageError(
                    f"{words[0]} needs a terminal in the pool",
                    hint="Open a shell, and run condor_submit -i there: "
                    f"condor-mini shell -n {pool}",
                )
            case Use.TARGET:
                raise UsageError(
                    f"{words[0]} names another schedd than that of the access point, which has "
                    "the copy of the directory",
                    hint="Choose the access point: condor-mini submit --node NODE FILE",
                )
            case Use.FILE:
                raise UsageError(
                    f"{' '.join(words)}: the submit file is an argument of condor-mini submit",
                    hint="Name it alone: condor-mini submit FILE",
                )


def _options(arguments: Sequence[str]) -> Iterator[tuple[Option | None, list[str]]]:
    """Yield each option with its values; None for an argument that is no option: ``X=1``."""
    rest = list(arguments)
    while rest:
        words = [rest.pop(0)]
        option = next((option for option in OPTIONS if option.is_meant_by(words[0])), None)
        wanted = option.values if option else 0
        while rest and (wanted > 0 or (wanted == ALL and not rest[0].startswith("-"))):
            words.append(rest.pop(0))
            wanted -= wanted > 0
        yield option, words
