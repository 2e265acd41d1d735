"""The command line. Nothing outside of this package ends the process."""

from condor_mini.cli.program import COMMANDS, Terminated, cli, main

__all__ = ["COMMANDS", "Terminated", "cli", "main"]
