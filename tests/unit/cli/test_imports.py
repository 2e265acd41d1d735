"""What ``--help`` costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from condor_mini.cli import COMMANDS

SLOW = ("pydantic", "rich", "yaml", "platformdirs")
"""A tenth of a second each, or not far from it."""
HEAVY = (
    *SLOW,
    "urllib.request",
    "tarfile",
    "zipfile",
    "subprocess",
    "ctypes",
    "condor_mini.engine",
)
PROBE = """
import sys
from condor_mini.cli import cli
try:
    cli.main(sys.argv[1:], prog_name="condor-mini")
except SystemExit:
    pass
print("\\n" + " ".join(sys.modules))
"""


LOOKING = """
import sys
from condor_mini.engine import FakeEngine
from condor_mini import engines
labels = {"io.condor-mini.kind": "pool", "io.condor-mini.pool": "mini"}
engine = FakeEngine()
engine.create_network("mini", labels=labels)
engines.find_engine = lambda *_: engine
""" + PROBE.replace("except SystemExit", "except (SystemExit, Exception)")


@pytest.mark.parametrize("command", ["list", "queue", "status"])
def test_looking_imports_nothing_slow(command: str) -> None:
    """What only looks at pools is not kept waiting by what reads pool files and draws."""
    argv = [sys.executable, "-c", LOOKING, command]
    loaded = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    modules = set(loaded.splitlines()[-1].split())
    assert f"condor_mini.cli.{command}" in modules
    assert [name for name in SLOW if name in modules] == []


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """--help loads neither an engine nor a display."""
    argv = [sys.executable, "-c", PROBE, *arguments]
    loaded = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    modules = set(loaded.splitlines()[-1].split())
    assert [name for name in HEAVY if name in modules] == []


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


@pytest.mark.parametrize(
    ("command", "module"),
    [("status", "reports.status"), ("list", "reports.listing"), ("queue", "jobs.queue")],
)
def test_quick_commands_load_no_display(command: str, module: str) -> None:
    """Status and list are to be there at once."""
    loaded = _loaded(STATUS.format(command, module))
    assert [name for name in ("rich", "pydantic", "yaml") if name in loaded] == []
