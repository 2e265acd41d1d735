"""Signals while the command is still being loaded."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SLOW = """
import os, signal, time
import click

class Field:
    def __set_name__(self, owner, name):
        os.kill(os.getpid(), signal.{signal})

class Fields:
    field = Field()

print("loaded", flush=True)

@click.command()
def command():
    time.sleep(30)
"""
"""A command that gets the signal while its module makes a class."""
WITH_SLOW = """
import sys
from condor_mini import cli

cli.COMMANDS["slow"] = "Sleep."
cli.__path__.append({place!r})
sys.argv = ["condor-mini", "slow"]
cli.main()
"""
OF_ANOTHER_KIND = """
import os, signal, sys, time
import click

@click.command()
def command():
    try:
        os.kill(os.getpid(), signal.{signal})
        time.sleep(30)
    except BaseException as error:
        raise ValueError("what a library makes of it") from error
"""
AT_THE_END = """
import atexit, os, signal
import click

@click.command()
def command():
    atexit.register(os.kill, os.getpid(), signal.{signal})
    print("done")
"""
HALF_LOADED = "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(30)"
TIMEOUT_S = 20


def run_slow(folder: Path, module: str) -> subprocess.CompletedProcess[str]:
    """Run the command ``slow`` of this module."""
    (folder / "slow.py").write_text(module)
    return subprocess.run(
        [sys.executable, "-c", WITH_SLOW.format(place=str(folder))],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [("SIGINT", 130, "\ncondor-mini: interrupted\n"), ("SIGTERM", 143, ""), ("SIGHUP", 129, "")],
)
def test_signal_while_a_command_is_loaded(
    tmp_path: Path, name: str, status: int, said: str
) -> None:
    """It takes effect when the module is there: in the middle of it, it could be lost."""
    result = run_slow(tmp_path, SLOW.format(signal=name))
    assert (result.returncode, result.stdout, result.stderr) == (status, "loaded\n", said)


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [("SIGINT", 130, "condor-mini: interrupted\n"), ("SIGTERM", 143, ""), ("SIGHUP", 129, "")],
)
def test_signal_of_which_a_library_makes_another_exception(
    tmp_path: Path, name: str, status: int, said: str
) -> None:
    """The status and the words are the signal's; nothing is said of the other exception."""
    result = run_slow(tmp_path, OF_ANOTHER_KIND.format(signal=name))
    assert (result.returncode, result.stdout, result.stderr) == (status, "", said)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signal_when_the_work_is_done(tmp_path: Path, name: str) -> None:
    """The status is that of the work."""
    result = run_slow(tmp_path, AT_THE_END.format(signal=name))
    assert (result.returncode, result.stdout, result.stderr) == (0, "done\n", "")


def test_interrupt_while_the_command_line_is_loaded(tmp_path: Path) -> None:
    """It ends without a word, as any program would."""
    (tmp_path / "click.py").write_text(HALF_LOADED)
    result = subprocess.run(
        [sys.executable, "-c", "from condor_mini.__main__ import main; main()"],
        capture_output=True,
        cwd=tmp_path,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (result.returncode, result.stdout + result.stderr) == (-2, "")
