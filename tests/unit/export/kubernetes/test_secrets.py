"""The script that makes the Secrets of a pool, with a kubectl that notes what it is to do."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from condor_mini.export.kubernetes import SCRIPT, kubernetes_files
from condor_mini.spec import PoolSpec

if TYPE_CHECKING:
    from pathlib import Path

KUBECTL = """#!/bin/sh
echo "$*" >>{calls}
case $3 in
  get) printf '{there}' ;;
  exec) {sign} ;;
  create) cat >{made}/"$6" ;;
esac
"""
ALL = ("ci-key", "ci-submit-token", "ci-execute-token")


class Script:
    """The script, beside Secrets that are there already."""

    def __init__(self, directory: Path, there: tuple[str, ...], sign: str = "echo signed") -> None:
        self.script = directory / SCRIPT
        self.script.write_text(kubernetes_files(PoolSpec.from_options(name="ci"))[SCRIPT])
        self.made = directory / "made"
        self.made.mkdir()
        self.calls = directory / "calls"
        lines = "".join(f"secret/{name}\\n" for name in there)
        program = directory / "kubectl"
        program.write_text(KUBECTL.format(calls=self.calls, there=lines, made=self.made, sign=sign))
        program.chmod(0o755)

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run it for a namespace."""
        return subprocess.run(
            ["sh", str(self.script), "--namespace", "physics"],
            env={"PATH": f"{self.script.parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )


def test_it_makes_what_is_not_there(tmp_path: Path) -> None:
    """A key that nobody can guess, and what the central manager signs, on no command line."""
    script = Script(tmp_path, there=())
    assert script.run().returncode == 0
    made = {file.name: file.read_bytes() for file in script.made.iterdir()}
    assert sorted(made) == sorted(ALL)
    assert len(set(made["ci-key"])) > 20
    assert len(made["ci-key"]) == 64
    assert made["ci-submit-token"] == made["ci-execute-token"] == b"signed\n"
    calls = script.calls.read_text()
    assert "signed" not in calls
    assert calls.count("rollout status statefulset/ci-master") == 1
    assert calls.count("exec ci-master-0 --container condor -- sh -euc condor_token_create") == 2


@pytest.mark.parametrize(
    ("there", "made"),
    [(ALL, ()), (ALL[:1], ALL[1:]), (ALL[:2], ALL[2:])],
    ids=["all", "only the key", "a script that was cut off"],
)
def test_it_leaves_what_is_there(
    tmp_path: Path, there: tuple[str, ...], made: tuple[str, ...]
) -> None:
    """And says so if that is everything."""
    script = Script(tmp_path, there=there)
    result = script.run()
    assert result.returncode == 0
    assert sorted(file.name for file in script.made.iterdir()) == sorted(made)
    assert ("the secrets of ci are there" in result.stdout) == (not made)


def test_tokens_of_another_key_are_not_kept(tmp_path: Path) -> None:
    """It says which to delete, and makes nothing."""
    script = Script(tmp_path, there=ALL[1:])
    result = script.run()
    assert result.returncode == 1
    assert "kubectl delete secret/ci-submit-token secret/ci-execute-token" in result.stderr
    assert list(script.made.iterdir()) == []


def test_a_token_that_was_not_signed_is_no_secret(tmp_path: Path) -> None:
    """The script ends where the central manager refuses."""
    script = Script(tmp_path, there=ALL[:1], sign="exit 1")
    assert script.run().returncode == 1
    assert list(script.made.iterdir()) == []
