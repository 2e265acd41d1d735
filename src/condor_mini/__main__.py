"""``python -m condor_mini``."""

from condor_mini.cli import main

main()
