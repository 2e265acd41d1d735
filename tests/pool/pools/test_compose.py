"""A Compose file, run by Docker Compose without condor-mini."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Cli

pytestmark = pytest.mark.pool_engines("docker", reason="Docker Compose runs it")

TIMEOUT_S = 100.0
SLOTS_TIMEOUT_S = 40.0
JOB = """\
cd /shared
cat >job.sub <<END
executable = /bin/cat
transfer_executable = false
transfer_input_files = in
transfer_output_files = ""
arguments = in
output = out
log = log
request_memory = 32
request_disk = 1M
queue
END
echo it is done >in
condor_submit -terse job.sub && condor_wait -wait 60 log && cat out
"""


@dataclass(frozen=True, kw_only=True)
class Compose:
    """The program, about the Compose file of a directory."""

    directory: Path
    project: str

    def __call__(self, *argv: str) -> str:
        """Run it; it ends with 0; what it wrote to stdout."""
        has_plugin = shutil.which("docker-compose") is None
        program = ("docker", "compose") if has_plugin else ("docker-compose",)
        done = subprocess.run(
            [*program, "-p", self.project, *argv],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def on_access_point(self, *argv: str) -> str:
        """Run a command as the user there."""
        return self("exec", "-T", "-u", "jovyan", "mini-submit-1", *argv)

    def await_slots(self, count: int) -> None:
        """Wait until so many slots are at the collector, which the user asks."""

        def missing() -> str | None:
            try:
                names = self.on_access_point("condor_status", "-af", "Name").split()
            except AssertionError as error:  # the access point is not ready
                return str(error)
            return None if len(names) == count else f"these slots are there: {names}"

        wait_until(missing, timeout_s=SLOTS_TIMEOUT_S, interval_s=0.5)


@pytest.fixture
def compose(fresh: Cli, tmp_path: Path) -> Iterator[Compose]:
    """A pool that was exported with a shared directory and two execution points."""
    (tmp_path / "pool.yaml").write_text(
        "version: 1\nname: mini\nshared: {path: /shared}\nexecution_points: [{count: 2}]\n"
    )
    fresh.succeeds("export", "compose", "-c", "pool.yaml", cwd=tmp_path)
    made = Compose(directory=tmp_path, project=f"t{uuid.uuid4().hex[:8]}")
    yield made
    made("down", "-v")
    of_project = f"label=com.docker.compose.project={made.project}"
    left = ["docker", "volume", "ls", "-q", "--filter", of_project]
    assert subprocess.run(left, capture_output=True, text=True, check=True).stdout == ""


@pytest.mark.slow
def test_pool_runs_is_scaled_and_keeps_its_state(compose: Compose) -> None:
    """A user's job runs on it, more execution points join, and the history outlives ``down``."""
    compose("up", "-d")
    compose.await_slots(2)
    assert compose.on_access_point("bash", "-c", JOB).endswith("it is done\n")
    compose("up", "-d", "--scale", "mini-execute=3")
    compose.await_slots(3)
    compose("down")
    compose("up", "-d")
    compose.await_slots(2)
    assert compose.on_access_point("condor_history", "-af", "ExitCode") == "0\n"
