"""A pool from one file: on Docker here, on Docker of another host, and without an engine here."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from docker_hosts import can_have_docker

from .elsewhere import NODE1, POOL_LABEL, machines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosts_for_tests import Network

    from .elsewhere import Machines

pytestmark = [
    pytest.mark.pool_engines("docker", reason="each host has Docker"),
    pytest.mark.slow,
]
POOL = "far"
FILE = f"""\
version: 1
name: {POOL}
expose: {NODE1}
execution_points:
  - {{name: there, count: 2, host: node2, volumes: ["data:/data"]}}
  - {{name: plain, count: 1, host: embedded}}
"""
NODES = {
    "far-master": None,
    "far-submit-1": None,
    "far-execute-1": "node2",
    "far-execute-2": "node2",
    "far-execute-3": "embedded",
}
JOB = """\
executable = /bin/sh
transfer_executable = false
arguments = "-c 'hostname >where'"
transfer_output_files = where
transfer_output_remaps = "where=where.{node}"
should_transfer_files = yes
requirements = CondorMiniNode == "{node}"
request_memory = 64
request_disk = 16M
queue
"""

LONG_JOB = """\
executable = /bin/sleep
transfer_executable = false
arguments = 600
requirements = CondorMiniNode == "far-execute-4"
request_memory = 64
request_disk = 16M
queue
"""


@pytest.fixture(scope="module")
def two(hosts: Network) -> Iterator[Machines]:
    """Two hosts with Docker."""
    if not can_have_docker():
        pytest.skip("there is no dockerd for hosts of their own")
    folder = Path(tempfile.mkdtemp(prefix="cmh"))  # pytest's are too long for a socket
    try:
        with machines(hosts, folder) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def pool(two: Machines) -> Iterator[Machines]:
    """The hosts with the pool."""
    done = two.cli("create", "-c", two.file(FILE))
    assert done.status == 0, done.err
    assert "Sent 1 image to node2" in done.err
    yield two
    two.ran("delete", "-n", POOL, "-q")


def test_status_says_where_nodes_are(pool: Machines) -> None:
    """Names go on from host to host; each node's ads have the name of its host."""
    found = pool.status(POOL)
    assert found["verdict"] == "usable"
    assert {node["name"]: node["host"] for node in found["nodes"]} == NODES
    lasting = ("-constraint", 'SlotType =!= "Dynamic"')  # a job that has just ended may have others
    ask = ("condor_status", *lasting, "-af", "CondorMiniNode", "CondorMiniHost")
    ads = pool.ran("exec", "-n", POOL, "--", *ask)
    assert sorted(ads.splitlines()) == [
        "far-execute-1 node2",
        "far-execute-2 node2",
        "far-execute-3 node1",
    ]


def test_jobs_run_on_every_node(pool: Machines) -> None:
    """Their outputs come back."""
    nodes = [name for name in NODES if "execute" in name]
    folder = pool.here.host.home / "jobs"
    folder.mkdir()
    for node in nodes:
        (folder / f"{node}.sub").write_text(JOB.format(node=node))
        pool.ran("submit", "-n", POOL, str(folder / f"{node}.sub"), "--wait", "--timeout", "60")
        assert (folder / f"where.{node}").read_text().strip() == node


def test_commands_reach_nodes_elsewhere(pool: Machines) -> None:
    """`exec`, `cp` and `logs` work on a node of another host as on any."""
    there = ("-n", POOL, "--node", "execute-2")
    assert pool.ran("exec", *there, "--", "hostname").strip() == "far-execute-2"
    assert "far-execute-2" in pool.ran("logs", "-n", POOL, "--node", "execute-2", "--tail", "5")
    assert "startd" in pool.ran("logs", "-n", POOL, "--tail", "50")
    (source := pool.here.host.home / "source").write_text("copied")
    pool.ran("cp", "-n", POOL, str(source), "far-execute-2:/tmp/copy")
    assert pool.ran("exec", *there, "--", "cat", "/tmp/copy") == "copied"


def test_a_volume_is_of_its_host(pool: Machines) -> None:
    """Nodes of one host share it, and no other host has it."""
    pool.ran("exec", "-n", POOL, "--node", "execute-1", "--", "sh", "-c", "echo x >/data/x")
    shown = pool.ran("exec", "-n", POOL, "--node", "execute-2", "--", "cat", "/data/x")
    assert shown.strip() == "x"
    assert f"{POOL}-data" in pool.there.held(POOL_LABEL)
    assert f"{POOL}-data" not in pool.here.held(POOL_LABEL)


def test_stopped_nodes_start_again(pool: Machines) -> None:
    """A new shell finds the nodes of all hosts, which run again."""
    pool.ran("stop", "-n", POOL, "-q")
    assert {node["state"] for node in pool.status(POOL)["nodes"]} == {"exited"}
    pool.ran("start", "-n", POOL, "-q")
    assert pool.status(POOL)["verdict"] == "usable"


def test_scale(pool: Machines) -> None:
    """A group grows and shrinks on its own host; a job that runs there gets its time."""
    pool.ran("scale", "-n", POOL, "--execute", "3", "--group", "there", "-q")
    found = {node["name"]: node["host"] for node in pool.status(POOL)["nodes"]}
    assert found == {**NODES, "far-execute-4": "node2"}
    (folder := pool.here.host.home / "long").mkdir()
    (folder / "job.sub").write_text(LONG_JOB)
    pool.ran("submit", "-n", POOL, str(folder / "job.sub"))
    job = ("exec", "-n", POOL, "--", "condor_q", "-af", "JobStatus")
    wait_until(lambda: None if pool.ran(*job) == "2\n" else "it does not run", timeout_s=30)
    argv = ("scale", "-n", POOL, "--execute", "2", "--group", "there", "--grace", "1")
    done = pool.cli(*argv)
    assert done.status == 0
    assert "Jobs still ran on far-execute-4 after 1 s" in done.err
    assert pool.ran(*job) == "1\n"
    pool.ran("exec", "-n", POOL, "--", "condor_rm", "-all")
    found = {node["name"]: node["host"] for node in pool.status(POOL)["nodes"]}
    assert found == NODES
    assert "far-execute-4-tokens" not in pool.there.held(POOL_LABEL)


def test_doctor(pool: Machines) -> None:
    """All nodes are healthy, though condor_who looks for them at addresses of other hosts."""
    found = pool.ran("doctor", "-n", POOL)
    assert [line for line in found.splitlines() if "healthy" in line] == [
        f"ok    node {name}: healthy" for name in NODES
    ]


def test_host_that_is_away(pool: Machines) -> None:
    """`status` shows the rest and names the host; `exec` works on the rest; others are refused."""
    with pool.there.away():
        shown = pool.cli("status", "-n", POOL)
        assert shown.status == 5
        assert "the host node2 is not reached: Cannot connect to the Docker daemon" in shown.out
        assert "far-execute-3" in shown.out
        assert pool.ran("exec", "-n", POOL, "--", "hostname").strip() == "far-submit-1"
        for command in (("stop",), ("scale", "--execute", "2", "--group", "plain")):
            refused = pool.cli(*command, "-n", POOL)
            assert refused.status == 6
            assert "the host node2 is not reached: Cannot connect to the Docker" in refused.err
    assert pool.status(POOL)["verdict"] == "usable"


def test_another_pool_of_a_host_is_left_alone(pool: Machines) -> None:
    """What cannot be created leaves nothing on any host, and takes nothing of others."""
    before = sorted(pool.held())
    name = "other-execute-1"
    pool.there.docker("create", "--name", name, "condor-execute:25")
    text = FILE.replace("name: far", "name: other").replace(NODE1, f"{NODE1}:9700")
    try:
        taken = pool.cli("create", "-c", pool.file(text))
        assert taken.status == 4
        assert f"the name {name} is taken by a container outside the pool on the host node2" in (
            taken.err
        )
    finally:
        pool.there.docker("rm", name)
    absent = pool.cli("create", "-c", pool.file(text.replace("node2", "nobody")))
    assert absent.status == 6
    assert "the host nobody is not reached: " in absent.err
    assert "docker --context nobody version" in absent.err
    pool.here.host.shell(f"docker context create same --docker host={pool.here.url}")
    same = pool.cli("create", "-c", pool.file(text.replace("node2", "same")))
    assert same.status == 6
    assert "the host same has the same engine as the pool" in same.err
    assert sorted(pool.held()) == before


def test_deleted_with_a_host_away(two: Machines, pool: Machines) -> None:
    """The rest is deleted, and the record kept, until the host is back or the pool is forgotten."""
    with two.there.away():
        left = pool.cli("delete", "-n", POOL)
        assert left.status == 6
        assert f"When the host is back: condor-mini delete -n {POOL}" in left.err
        assert two.here.held(POOL_LABEL) == [POOL]
    two.ran("delete", "-n", POOL, "-q")
    assert two.held() == []
