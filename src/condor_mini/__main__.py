"""The command ``condor-mini``, and ``python -m condor_mini``."""

from __future__ import annotations

import gc
import signal

ALLOCATIONS_PER_COLLECTION = 20_000
"""Most commands end before. With Python's 700, 10 of 160 ms of loading are spent on looking for
garbage among modules, which are none."""


def main() -> None:
    """Load the command line, and do what it says."""
    gc.set_threshold(ALLOCATIONS_PER_COLLECTION)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # There is nothing to undo yet, and a traceback of half-loaded modules helps nobody.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from condor_mini.cli import main as cli

    cli()


if __name__ == "__main__":
    main()
