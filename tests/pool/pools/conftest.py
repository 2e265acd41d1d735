"""Pools as a person makes them: by the installed command, or by the Python API."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from condor_mini.jobs.staging import PLACE, RECORDS
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from condor_mini.engine import Engine
    from condor_mini.faults.faults import Faults
    from condor_mini.nodes.node import Node

    Write = Callable[..., Path]

COMMAND = (sys.executable, "-m", "condor_mini")
SLOTS = ("condor_status", "-constraint", 'SlotType =!= "Dynamic"', "-af", "CondorMiniNode")
"""Asks for the node of each slot. A job that has just ended may still have a dynamic one."""
TIMEOUT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Cli:
    """The command ``condor-mini``, about one pool."""

    name: str
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Our own, and the pool's name."""
        return {**os.environ, "CONDOR_MINI_NAME": self.name, **self.variables}

    def __call__(
        self,
        *argv: str,
        cwd: Path | None = None,
        timeout_s: float = TIMEOUT_S,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end, whatever its status."""
        return subprocess.run(
            [*COMMAND, *argv],
            cwd=cwd,
            env=self.environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def succeeds(self, *argv: str, cwd: Path | None = None, timeout_s: float = TIMEOUT_S) -> str:
        """Run it; it ends with 0; what it wrote to stdout."""
        result = self(*argv, cwd=cwd, timeout_s=timeout_s)
        assert result.returncode == 0, f"{argv}: {result.stdout}{result.stderr}"
        return result.stdout

    def begin(self, *argv: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Start it, in a process group of its own."""
        return subprocess.Popen(
            [*COMMAND, *argv],
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


@pytest.fixture(scope="session")
def variables(pool_engine_name: str, state_home: Path) -> dict[str, str]:
    """What the command finds in its environment."""
    return {"CONDOR_MINI_ENGINE": pool_engine_name, "XDG_STATE_HOME": str(state_home)}


@pytest.fixture
def new_cli(pool_engine: Engine, variables: dict[str, str]) -> Iterator[Callable[[], Cli]]:
    """Makes a name that is no pool's yet, and its command; what is made of it is removed."""
    made: list[Cli] = []

    def make() -> Cli:
        name = f"t{uuid.uuid4().hex[:8]}"
        made.append(Cli(name=name, variables=variables))
        return made[-1]

    yield make
    for cli in made:
        Pool(pool_engine, cli.name).delete()


@pytest.fixture
def fresh(new_cli: Callable[[], Cli]) -> Cli:
    """The command, about a pool that is not there yet."""
    return new_cli()


@pytest.fixture(scope="session")
def shared_pools() -> Iterator[dict[str, Pool]]:
    """The pools that files share, by the names of their engines, as far as they are made.

    pytest ends a fixture of the engine whenever the next test is about another engine: most files
    would make two pools.
    """
    pools: dict[str, Pool] = {}
    yield pools
    with ExitStack() as stack:  # one that cannot be deleted does not keep the others
        for pool in pools.values():
            stack.callback(pool.delete)


@pytest.fixture(scope="module", autouse=True)
def jobs_end_with_their_file(shared_pools: dict[str, Pool]) -> Iterator[None]:
    """No job of a file is in the queue of a shared pool when the next file begins."""
    yield
    for pool in shared_pools.values():
        remove_jobs(pool)


def remove_jobs(pool: Pool) -> None:
    """Remove all jobs of the first access point, and wait until they have left the queue.

    A job is in the queue as removed until its processes have ended: DAGMan removes its jobs first.
    """
    script = "condor_rm -all >/dev/null 2>&1; condor_q -allusers -nobatch -af:j JobStatus Cmd"

    def left() -> str | None:
        said = pool.exec(["sh", "-c", script], user="root")
        return (said.stdout + said.stderr).strip() or None

    wait_until(left, timeout_s=TIMEOUT_S)


@pytest.fixture(scope="session")
def pool(pool_engine: Engine, shared_pools: dict[str, Pool]) -> Pool:
    """A pool with one access point and two execution points, which all tests leave as it is."""
    if pool_engine.name not in shared_pools:
        name = f"t{uuid.uuid4().hex[:8]}"
        shared_pools[pool_engine.name] = Pool.create(name, execution_points=2, engine=pool_engine)
    return shared_pools[pool_engine.name]


@pytest.fixture
def cli_of(variables: dict[str, str]) -> Callable[[str], Cli]:
    """Makes the command, about the pool of a name."""
    return lambda name: Cli(name=name, variables=variables)


@pytest.fixture
def cli(pool: Pool, cli_of: Callable[[str], Cli]) -> Cli:
    """The command, about that pool."""
    return cli_of(pool.name)


# -- submit files ---------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with a space and a comma in its name."""
    path = tmp_path / "with space, and comma"
    path.mkdir()
    return path


@pytest.fixture
def write(here: Path) -> Write:
    """Writes a submit file of a shell script; more of its lines can be given."""

    def write(script: str, *lines: str, queue: str = "queue") -> Path:
        text = [
            "executable = /bin/sh",
            f"arguments = \"-c '{script}'\"",
            "transfer_executable = false",
            "should_transfer_files = YES",
            "request_cpus = 1",
            "request_memory = 1",
            "request_disk = 1",
            "log = log",
            *lines,
            queue,
        ]
        file = here / "job.sub"
        file.write_text("\n".join(text) + "\n")
        return file

    return write


@pytest.fixture
def access_point(pool: Pool) -> Iterator[Node]:
    """The access point; no job is left in its queue, and nothing of one."""
    node = pool.node()
    yield node
    remove_jobs(pool)
    node.exec(["rm", "-rf", PLACE, RECORDS], user="root")


@pytest.fixture
def faults(pool: Pool) -> Iterator[Faults]:
    """The faults of the pool; none is left in force, and no job."""
    yield pool.faults
    pool.faults.heal()
    remove_jobs(pool)
