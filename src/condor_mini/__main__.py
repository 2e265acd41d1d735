"""The command ``condor-mini``, and ``python -m condor_mini``."""

from __future__ import annotations

import signal


def main() -> None:
    """Load the command line, and do what it says."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # There is nothing to undo yet, and a traceback of half-loaded modules helps nobody.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from condor_mini.cli import main as cli

    cli()


if __name__ == "__main__":
    main()
