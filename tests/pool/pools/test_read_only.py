"""Nodes whose root is read-only, and what of them can be written all the same."""

from __future__ import annotations

import subprocess
import uuid
from typing import TYPE_CHECKING

import pytest

from condor_mini.nodes.node import CREATED_ROLES, Role
from condor_mini.nodes.plan import SCRATCH
from condor_mini.nodes.state import STATE
from condor_mini.pool import Pool
from condor_mini.spec.pool_file import read_pool_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.pool.pools.conftest import Cli

    from condor_mini.engine import CommandResult, Engine
    from condor_mini.nodes.node import Node

pytestmark = pytest.mark.pool_engines("docker", reason="embedded's nodes have roots of their own")

OPEN = """
version: 1
name: NAME
shared: {path: /shared}
central_manager: {read_only: false}
access_points:
  - read_only: false
execution_points:
  - volumes: ["scratch:/scratch"]
"""
SCRIPT = "set -e; for d in /tmp /var/tmp; do cp /bin/true $d/x; $d/x; rm $d/x; stat -fc %T $d; done"


def touch(node: Node, path: str) -> CommandResult:
    """Make a file there as root, and remove it again."""
    return node.exec(["sh", "-c", 'touch "$1" && rm "$1"', "-", path], user="root")


@pytest.fixture(scope="module")
def opened(pool_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A pool of whose nodes some can be written everywhere."""
    name = f"t{uuid.uuid4().hex[:8]}"
    file = tmp_path_factory.mktemp("opened") / "pool.yaml"
    file.write_text(OPEN.replace("NAME", name))
    with Pool.create(name, spec=read_pool_file(file), engine=pool_engine) as made:
        yield made


@pytest.mark.parametrize("role", CREATED_ROLES)
def test_nobody_writes_a_nodes_programs(pool: Pool, role: Role) -> None:
    """Not even root writes to a node's root file system, whatever the node's role."""
    node = next(node for node in pool.nodes if node.role is role)
    refused = [touch(node, f"{place}/x") for place in ("", "/usr/bin", "/etc", "/root", "/opt")]
    assert {said.stderr.strip().rpartition(": ")[2] for said in refused} == {
        "Read-only file system"
    }


@pytest.mark.parametrize("role", CREATED_ROLES)
def test_named_places_are_written(pool: Pool, role: Role) -> None:
    """The places that are named for a role can be written."""
    node = next(node for node in pool.nodes if node.role is role)
    places = [*SCRATCH[role], *STATE[role].values(), "/dev/shm"]
    assert [place for place in places if touch(node, f"{place}/x").returncode != 0] == []


def test_a_job_writes_and_runs_what_is_temporary(pool: Pool) -> None:
    """A job writes programs to /tmp and /var/tmp and runs them there; both are on disk."""
    job = pool.submit(
        {
            "executable": "/bin/sh",
            "arguments": f"\"-c '{SCRIPT}'\"",
            "transfer_executable": "false",
            "output": "out",
            "log": "log",
        }
    )
    assert job.wait(timeout_s=60) == 0
    kinds = job.read(job.ended()[0], "Out").split()
    assert (len(kinds), "tmpfs" in kinds) == (2, False)


def test_cp_says_where_a_node_is_read_only(cli: Cli, tmp_path: Path) -> None:
    """A copy to where a node cannot be written fails, and says what to do."""
    (tmp_path / "file").touch()
    result = cli("cp", "file", "execute-1:/usr/local/bin", cwd=tmp_path)
    assert (result.returncode, "read_only: false" in result.stderr) == (1, True), result.stderr
    assert "is read-only at /usr/local/bin" in result.stderr


def test_a_pool_file_says_which_nodes_are_written(opened: Pool) -> None:
    """With `read_only: false` root writes everywhere, on the nodes of that group alone."""
    written = {node.role: touch(node, "/usr/bin/x").returncode == 0 for node in opened.nodes}
    assert written == {
        Role.CENTRAL_MANAGER: True,
        Role.ACCESS_POINT: True,
        Role.EXECUTION_POINT: False,
    }


def test_users_write_to_volumes_of_any_node(opened: Pool) -> None:
    """An ordinary user writes to the pool's own volumes, on nodes of either kind."""
    for node in opened.nodes:
        assert node.exec(["touch", f"/shared/{node.name}"]).returncode == 0
    execution_point = opened.node("execute-1")
    assert execution_point.exec(["touch", "/scratch/x"]).returncode == 0


def test_nothing_is_left_of_a_node_that_somebody_removes(
    pool_engine: Engine, new_cli: Callable[[], Cli]
) -> None:
    """What `docker rm` leaves of a node goes with the pool."""
    cli = new_cli()
    cli.succeeds("create")
    subprocess.run(
        ["docker", "rm", "--force", f"{cli.name}-execute-1"], check=True, capture_output=True
    )
    cli.succeeds("delete")
    assert pool_engine.volumes({"io.condor-mini.pool": cli.name}) == []
