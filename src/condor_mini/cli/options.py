"""Options that several commands share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from condor_mini.engine import Engine
    from condor_mini.progress import Progress

engine_option = click.option(
    "--engine",
    envvar="CONDOR_MINI_ENGINE",
    metavar="NAME",
    help="The container engine: auto (the default) or docker. Also CONDOR_MINI_ENGINE.",
)
series_option = click.option(
    "--htcondor", "series", metavar="SERIES", help="HTCondor 25 (the default) or 23."
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")


def reach_engine(choice: str | None, progress: Progress) -> Engine:
    """The engine that is there; or, as root on Debian, installed or started now.

    A person at a terminal is asked first.
    """
    from condor_mini.engine import ensure_engine

    def ask(question: str) -> bool:
        return click.confirm(question, default=True, err=True)

    at_terminal = sys.stdin.isatty() and sys.stderr.isatty()
    return ensure_engine(choice, confirm=ask if at_terminal else None, say=progress.note)
