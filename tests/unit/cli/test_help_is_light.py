"""What ``--help`` of the reporting commands costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("rich", "pydantic", "yaml", "subprocess", "tarfile", "platformdirs", "condor_mini.engine")
COMMANDS = ("completion", "doctor", "export", "images", "list", "logs", "status", "version")
PROBE = """
import sys
from condor_mini.cli import cli
try:
    cli.main(sys.argv[1:], prog_name="condor-mini")
except SystemExit:
    pass
print("\\n" + " ".join(sys.modules))
"""
STATUS = """
import sys
import condor_mini.cli.{0}
import condor_mini.{1}
print(" ".join(sys.modules))
"""


def _loaded(script: str, *arguments: str) -> set[str]:
    argv = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_nothing_heavy(command: str) -> None:
    """--help loads neither an engine nor a display."""
    loaded = _loaded(PROBE, command, "--help")
    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize(
    ("command", "module"), [("status", "reports.status"), ("list", "reports.listing")]
)
def test_quick_commands_load_no_display(command: str, module: str) -> None:
    """Status and list are to be there at once."""
    loaded = _loaded(STATUS.format(command, module))
    assert [name for name in ("rich", "pydantic", "yaml") if name in loaded] == []
