"""pytest as a user runs it, in a process of its own, with the plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import LABEL
from condor_mini.base.waiting import wait_until
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from condor_mini.engine import Engine

TIMEOUT_S = 200.0


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A directory with tests of a user's."""

    directory: Path
    environment: Mapping[str, str]
    engine: Engine

    def write(self, name: str, text: str) -> None:
        """Write one of its files."""
        (self.directory / name).write_text(text)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start pytest, in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run pytest to its end; return its status and its output."""
        process = self.begin(*arguments)
        output, _ = process.communicate(timeout=TIMEOUT_S)
        return process.returncode, output

    def wait_for(self, name: str) -> str:
        """Wait until a test has written a file, and return what it has written."""
        path = self.directory / name

        def missing() -> str | None:
            return None if path.exists() and path.read_text().endswith("\n") else f"no {name}"

        wait_until(missing, timeout_s=TIMEOUT_S, interval_s=0.05)
        return path.read_text().strip()

    def left(self, pool: str) -> list[str]:
        """All that bears the label of a pool."""
        label = {f"{LABEL}.pool": pool}
        names = [info.name for info in self.engine.containers(label)]
        names += [network.name for network in self.engine.networks(label)]
        return names + [volume.name for volume in self.engine.volumes(label)]


@pytest.fixture
def suite(
    tmp_path: Path, pool_engine: Engine, pool_engine_name: str, state_home: Path
) -> Iterator[Suite]:
    """An empty suite of tests; pools that its runs have left are removed."""
    ours = {name for name in os.environ if name.startswith(("PYTEST_", "CONDOR_MINI_NAME"))}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"CONDOR_MINI_ENGINE": pool_engine_name, "XDG_STATE_HOME": str(state_home)}
    made = Suite(directory=tmp_path, environment=environment, engine=pool_engine)
    made.write("pytest.ini", "[pytest]\nfilterwarnings = error\n")
    yield made
    for record in (state_home / "condor-mini" / "pytest").glob("*/*.pool"):
        Pool(pool_engine, record.stem).delete()
    for named in tmp_path.glob("*.name"):
        Pool(pool_engine, named.read_text().strip()).delete()
