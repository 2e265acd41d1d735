"""What condor-mini's speed is compared with, and how: ``python -m bench``."""

import sys
from pathlib import Path

# What it shares with the tests: hosts.
sys.path.append(str(Path(__file__).parent.parent / "tests" / "helpers"))
