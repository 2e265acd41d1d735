"""``condor-mini completion``, in real shells where there are any."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result
    from fake_pool import FakePool

ASK = """
eval "$(condor-mini completion bash)"
COMP_WORDS=({words}) COMP_CWORD={position}
_condor_mini_completion condor-mini
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def bash(tmp_path: Path) -> Callable[..., list[str]]:
    """What bash completes a line to, of which the last word is begun."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash here")
    program = tmp_path / "condor-mini"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m condor_mini "$@"\n')
    program.chmod(0o755)

    def complete(*words: str) -> list[str]:
        script = ASK.format(words=" ".join(f"'{word}'" for word in words), position=len(words) - 1)
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        argv = ["bash", "--norc", "-c", script]
        done = subprocess.run(
            argv, env=environment, capture_output=True, text=True, timeout=30, check=True
        )
        return done.stdout.split()

    return complete


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_parses(run: Callable[..., Result], tmp_path: Path, shell: str) -> None:
    """The shell takes it."""
    script = tmp_path / "script"
    script.write_text(run("completion", shell).out)
    assert "_CONDOR_MINI_COMPLETE" in script.read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    done = subprocess.run([shell, "-n", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_unknown_shell_is_2(run: Callable[..., Result]) -> None:
    """There are three."""
    assert run("completion", "tcsh").status == 2


def test_commands(bash: Callable[..., list[str]]) -> None:
    """A command's name is completed."""
    assert bash("condor-mini", "st") == ["start", "status", "stop"]


def test_subcommands_and_options(bash: Callable[..., list[str]]) -> None:
    """So are what is below it and its options."""
    assert bash("condor-mini", "export", "") == ["logs"]
    assert bash("condor-mini", "logs", "--fo") == ["--follow"]
    assert bash("condor-mini", "logs", "--daemon", "sta") == ["startd", "starter"]


def test_pool_and_node_names(
    make_pool: Callable[..., FakePool],
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The names of pools and of a pool's nodes are completed."""
    make_pool("ci")
    make_pool("demo")

    def complete(words: str) -> list[str]:
        monkeypatch.setenv("_CONDOR_MINI_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
        return run().out.split()

    assert complete("condor-mini status -n ") == ["plain,ci", "plain,demo"]
    assert complete("condor-mini logs -n ci --node ci-e") == ["plain,ci-execute-1"]


def test_silent_without_an_engine(
    bash: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is completed, and nothing is said."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
    assert bash("condor-mini", "status", "-n", "") == []
