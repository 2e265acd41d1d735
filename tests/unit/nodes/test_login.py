"""The environment of a login."""

from __future__ import annotations

import os
import subprocess
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import LOGIN
from condor_mini.nodes.login import at_login

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = files("condor_mini").joinpath("images/condor-base/libexec/login")


def said(*command: str, directory: str = "", **variables: str) -> str:
    """What a command prints that the script runs, without a login's variables before."""
    environment = {"PATH": "/usr/bin:/bin", **variables}
    with as_file(SCRIPT) as script:
        argv = ["sh", str(script), directory, *command]
        result = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    return result.stdout


def test_command_begins_with_the_script() -> None:
    """The directory goes before the command; an empty one means the home."""
    assert at_login(["true"], None) == [LOGIN, "", "true"]
    assert at_login(["true"], "/tmp") == [LOGIN, "/tmp", "true"]


def test_variables_of_the_caller_win() -> None:
    """Only those that a login would set are set again after it."""
    argv = at_login(["true"], None, {"HOME": "/x", "SECRET": "s"})
    assert argv == [LOGIN, "", "env", "HOME=/x", "true"]


def test_user_is_that_of_the_accounts() -> None:
    """Not that of the environment."""
    import pwd

    account = pwd.getpwuid(os.getuid())
    expected = f"{account.pw_name} {account.pw_name} {account.pw_dir} {account.pw_shell}\n"
    script = 'echo "$USER $LOGNAME $HOME $SHELL"'
    assert said("sh", "-c", script, USER="other", HOME="/other") == expected


def test_path_keeps_its_order_and_gets_htcondors_commands() -> None:
    """What is in PATH is not added again."""
    path = said("printenv", "PATH").strip().split(":")
    assert path[-4:] == ["/bin", "/usr/local/sbin", "/usr/sbin", "/usr/local/bin"]
    assert path.count("/usr/bin") == 1


def test_own_image_has_its_commands_before_the_runtimes() -> None:
    """The PATH of the image, then the runtime's; the variable that kept it is gone."""
    runtime = "/usr/local/lib/condor-mini/usr"
    shown = said("/usr/bin/env", CONDOR_MINI_PATH="/opt/own/bin").splitlines()
    assert f"PATH=/opt/own/bin:{runtime}/bin:{runtime}/sbin" in shown
    assert not [line for line in shown if line.startswith("CONDOR_MINI_PATH")]


def test_directory_is_the_one_that_is_given(tmp_path: Path) -> None:
    """An absolute path is taken as it is."""
    assert said("pwd", directory=str(tmp_path)).strip() == str(tmp_path.resolve())


def test_absent_directory_is_an_error() -> None:
    """The command does not run elsewhere."""
    with pytest.raises(subprocess.CalledProcessError) as failed:
        said("pwd", directory="/no/such")
    assert failed.value.returncode == 126
