"""personal.py DIRECTORY COMMAND...: run a command on an ``htcondor2.personal.PersonalPool``."""

import importlib
import subprocess
import sys
from pathlib import Path

with importlib.import_module("htcondor2.personal").PersonalPool(local_dir=Path(sys.argv[1])):
    sys.exit(subprocess.run(sys.argv[2:], check=False).returncode)
