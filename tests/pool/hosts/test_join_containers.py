"""Nodes in containers that have joined a pool, beside nodes without a container engine.

All of them are on this machine: it is reached from containers at the address of Docker's bridge.
"""

from __future__ import annotations

import json
import subprocess
import uuid
from typing import TYPE_CHECKING

import pytest

from condor_mini.nodes.forwarding import free_ports
from condor_mini.nodes.node import Role
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.pool_engines("docker", reason="its nodes have addresses of their own"),
    pytest.mark.slow,
]
TAG = uuid.uuid4().hex[:6]
RANDOM_BYTES = 1024 * 1024
JOB = """
executable = /bin/cp
transfer_executable = false
arguments = random copy
transfer_input_files = random
transfer_output_files = copy
should_transfer_files = yes
log = log
request_memory = 64
request_disk = 16M
requirements = CondorMiniNode == "{node}"
queue
"""


@pytest.fixture(scope="module")
def endpoint() -> str:
    """An address and a port of this machine that containers reach."""
    argv = ["ip", "-4", "-o", "address", "show", "docker0"]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    found = shown.split()[3].partition("/")[0]
    return f"{found}:{free_ports(TAG, 1, at=found)}"


@pytest.fixture(scope="module")
def pool(endpoint: str) -> Iterator[Pool]:
    """A pool that other hosts reach."""
    spec = PoolSpec(name=f"first-{TAG}").with_overrides(expose=endpoint)
    with Pool.create(spec=spec, engine="docker") as made:
        yield made


def joined(pool: Pool, endpoint: str, engine: str) -> Pool:
    """Nodes of an engine that have joined."""
    token = pool.members.create_join_token(Role.EXECUTION_POINT)
    return Pool.join(endpoint, token.secret.strip(), f"{engine}-{TAG}", engine=engine)


@pytest.mark.parametrize("engine", ["docker", "embedded"])
def test_jobs_run_on_joined_nodes(
    pool: Pool, endpoint: str, pool_engine_name: str, engine: str, tmp_path: Path
) -> None:
    """In containers both sides need the broker; without an engine the nodes are reached."""
    del pool_engine_name
    with joined(pool, endpoint, engine) as other:
        (node,) = other.nodes
        (ad,) = pool.slot_ads(f'CondorMiniNode == "{node.name}"', ["MyAddress"])
        assert ("CCBID=" in str(ad["MyAddress"])) == (engine == "docker")
        (tmp_path / "random").write_bytes(content := uuid.uuid4().bytes * (RANDOM_BYTES // 16))
        (tmp_path / "job.sub").write_text(JOB.format(node=node.name))
        job = pool.submit(tmp_path / "job.sub")
        assert job.wait(timeout_s=60) == 0
        job.fetch()
        assert (tmp_path / "copy").read_bytes() == content
        assert node.name in {each.name for each in pool.status().joined}
        assert other.status().verdict == "usable"
        other.stop()
        other.engine.remove(node.info.id)
        other.start()  # made again on its state, with the token of its own
        assert other.status().verdict == "usable"
        other.leave(grace_s=5)
        assert not other.nodes
    found = json.dumps(pool.daemon_ads("machine"), default=str)
    assert node.name not in found
