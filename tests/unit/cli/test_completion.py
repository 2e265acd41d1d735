"""``condor-mini completion``, in real shells where there are any."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from condor_mini.cli.options import cluster_numbers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result
    from fake_pool import FakePool
    from fake_queue import Queue

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


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("list", "--engine", "emb"), {"embedded"}),
        (("create", "--htcondor", ""), {"25", "23"}),
        (("runtime", "build", "--htcondor", "2"), {"25", "23"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_values_in_every_shells_form(shell: str, words: tuple[str, ...], found: set[str]) -> None:
    """What click tells each shell has the values of an option."""
    line = ["condor-mini", *words]
    # bash and zsh count the words, and fish gives the one that is begun (click's shell_completion).
    position = words[-1] if shell == "fish" else str(len(words))
    done = subprocess.run(
        [sys.executable, "-m", "condor_mini"],
        env={
            **os.environ,
            "_CONDOR_MINI_COMPLETE": f"{shell}_complete",
            "COMP_WORDS": " ".join(line),
            "COMP_CWORD": position,
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    said = set(done.stdout.replace(",", "\n").split())
    assert found <= said
    assert done.stderr == ""


def test_clusters(queue: Queue, condor_mini_on: Callable[..., Result]) -> None:
    """`wait` completes the clusters in the queue."""
    assert condor_mini_on(queue.engine, "list").status == 0
    queue.queued = [queue.job(ClusterId=number) for number in (7, 71, 8)]
    context = click.Context(click.Command("wait"))
    assert cluster_numbers(context, click.Argument(["x"]), "7") == ["7", "71"]


def test_commands(bash: Callable[..., list[str]]) -> None:
    """A command's name is completed."""
    assert bash("condor-mini", "st") == ["start", "status", "stop"]


def test_subcommands_and_options(bash: Callable[..., list[str]]) -> None:
    """So are what is below it and its options."""
    assert bash("condor-mini", "export", "") == ["compose", "kubernetes", "logs", "slurm", "swarm"]
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
    monkeypatch.setenv("CONDOR_MINI_ENGINE", "docker")  # others may have pools of other tests
    assert bash("condor-mini", "status", "-n", "") == []
