"""Execution points on compute nodes of Slurm, as an ordinary user of a cluster has them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from slurm_for_tests import UID, can_have_slurm, cluster

from ..people import copy_of_cache, copy_of_us, python_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slurm_for_tests import Cluster

POOL = "mini"
NODES = 3
JOB = """\
executable = /bin/sh
transfer_executable = false
arguments = "-c '{script}'"
output = out.$(Process)
log = log
requirements = regexp("slurm", Machine)
request_cpus = 1
request_memory = 32
request_disk = 16M
job_lease_duration = 20
{more}
queue {count}
"""


@pytest.fixture(scope="module", params=["25", pytest.param("23", marks=pytest.mark.slow)])
def slurm(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster on whose login host the user has created a pool without an engine."""
    if os.geteuid() != 0 or not can_have_slurm():
        pytest.skip("a cluster takes root, and the packages slurm-wlm and munge")
    with cluster(NODES) as bare:
        packages = copy_of_us(bare.base / "packages")
        made = replace(bare, python=python_for(UID), packages=str(packages))
        copy_of_cache(made.home / "cache", UID)
        made.ran("create", "--expose", "login", "--htcondor", request.param, "-q")
        yield made


@pytest.fixture(autouse=True)
def _nothing_is_left(slurm: Cluster) -> Iterator[None]:
    """After each test, and after `down`, nothing of its Slurm jobs is left anywhere."""
    yield
    slurm.cli("exec", "--", "condor_rm", "-all")
    if status(slurm)["slurm"]:
        slurm.ran("slurm", "down", "--grace", "0", "-q")
    assert queue(slurm) == []
    assert left(slurm) == []
    tokens = json.loads(slurm.ran("token", "list", "-o", "json"))
    assert [
        each for each in tokens if "-slurm-" in each["identity"] and each["state"] == "valid"
    ] == []


def status(slurm: Cluster) -> dict[str, list[dict[str, str]]]:
    """What `status` says for programs."""
    said: dict[str, list[dict[str, str]]] = json.loads(slurm.cli("status", "-o", "json").out)
    return said


def queue(slurm: Cluster) -> list[str]:
    """The user's jobs that Slurm has."""
    return slurm.slurm("squeue", "--noheader", "--format=%A %T").splitlines()


def left(slurm: Cluster) -> list[Path]:
    """What the user's Slurm jobs have left: on the compute nodes, and in the user's directory."""
    places = [path for node in slurm.nodes for path in slurm.temporary(node).iterdir()]
    return [*places, *slurm.home.glob("state/condor-mini/slurm/*/*/*")]


def submitted(slurm: Cluster, folder: str, script: str, count: int, more: str = "") -> Path:
    """Submit jobs for the Slurm nodes alone; their directory."""
    place = slurm.home / folder
    place.mkdir()
    (place / "job.sub").write_text(JOB.format(script=script, count=count, more=more))
    for path in (place, place / "job.sub"):
        os.chown(path, UID, UID)
    slurm.ran("submit", str(place / "job.sub"), "-q")
    return place


def await_running(slurm: Cluster, count: int) -> None:
    """Wait until so many jobs run."""

    def missing() -> str | None:
        states = slurm.ran("exec", "--", "condor_q", "-af", "JobStatus").split()
        return None if states.count("2") == count else f"the jobs are {states}"

    wait_until(missing, timeout_s=60, interval_s=0.5)


def up(slurm: Cluster, nodes: int, *options: str) -> str:
    """Have nodes join; the number of the Slurm job."""
    argv = ("slurm", "up", "--nodes", str(nodes), "--wait", "--timeout", "60", "-q", "-o", "json")
    return str(json.loads(slurm.ran(*argv, *options))["job"])


def test_jobs_run_on_all_compute_nodes_of_their_size(slurm: Cluster) -> None:
    """Each node is as large as its share; `down` lets jobs end, and leaves nothing."""
    job = up(slurm, NODES, "--time", "1h", "--", "--cpus-per-task=2", "--mem=600", "--gres=gpu:2")
    said = status(slurm)
    hosts = {node["name"]: node["host"] for node in said["joined"]}
    assert hosts == {f"mini-slurm-{job}-{n}": f"n{n}" for n in range(1, NODES + 1)}
    (shown,) = said["slurm"]
    assert (shown["job"], shown["state"], shown["hosts"]) == (job, "running", f"n[1-{NODES}]")
    words = [line.split()[:4] for line in slurm.ran("status").splitlines()]
    assert [job, "running", str(NODES), f"n[1-{NODES}]"] in words
    sizes = slurm.ran(
        *("exec", "--", "condor_status", "-af", "Cpus", "Memory", "GPUs"),
        *("-constraint", f"SlurmJobId == {job}"),
    )
    assert sizes.splitlines() == ["2 600 2"] * NODES
    gpu = submitted(slurm, "gpu", "echo $CUDA_VISIBLE_DEVICES", 2, "request_gpus = 1")
    slurm.ran("wait", "--timeout", "60")
    assert {(gpu / f"out.{number}").read_text() for number in range(2)} <= {"0\n", "1\n"}

    place = submitted(slurm, "jobs", "hostname; sleep 2", 2 * NODES)
    await_running(slurm, 2 * NODES)
    slurm.ran("slurm", "down", job, "--grace", "60", "-q")
    slurm.ran("wait", "--timeout", "60")
    names = {(place / f"out.{n}").read_text().strip() for n in range(2 * NODES)}
    assert names == set(hosts)
    starts = slurm.ran("exec", "--", "condor_history", "-af", "NumJobStarts", "-limit", "6")
    assert starts.split() == ["1"] * 6


@pytest.mark.slow
def test_jobs_of_a_cancelled_allocation_run_again_elsewhere(slurm: Cluster) -> None:
    """Slurm signals the jobs too: none counts as ended by that."""
    first = up(slurm, 1, "--", "--cpus-per-task=2")
    place = submitted(slurm, "again", "hostname; sleep 4", 2)
    await_running(slurm, 2)
    slurm.slurm("scancel", first)
    second = up(slurm, 2)
    slurm.ran("wait", "--timeout", "90")
    for number in range(2):
        assert f"mini-slurm-{second}-" in (place / f"out.{number}").read_text()
    completed = slurm.ran(
        *("exec", "--", "condor_history", "-af", "ExitBySignal", "ExitCode", "-limit", "2"),
    )
    assert completed.splitlines() == ["false 0"] * 2
    shown = {each["job"]: each["state"] for each in status(slurm)["slurm"]}
    assert shown == {first: "ended", second: "running"}


def test_what_slurm_and_the_pool_refuse(slurm: Cluster) -> None:
    """Each is one message with its exit code, and leaves nothing."""
    said = slurm.cli("slurm", "up", "--", "--partition=closed")
    assert said.status == 6
    assert "Slurm does not accept the job: Batch job submission failed: " in said.err
    assert "sinfo" in said.err
    said = slurm.cli("slurm", "up", "--time", "soon")
    assert said.status == 2
    assert "--time 'soon'" in said.err
    said = slurm.cli("slurm", "up", "--group", "large")
    assert said.status == 2
    assert "no group large" in said.err
    said = slurm.cli("slurm", "down", "4711")
    assert said.status == 3
    assert "no Slurm job 4711" in said.err


def test_a_compute_node_that_does_not_reach_the_pool_says_so(slurm: Cluster) -> None:
    """The wait ends as soon as the Slurm job has, with the node's own words."""
    node = slurm.nodes[0]
    node.shell(f"iptables -A OUTPUT -d {slurm.login.address} -p tcp --dport 9618 -j REJECT")
    try:
        said = slurm.cli("slurm", "up", "--wait", "--", f"--nodelist={node.name}")
    finally:
        node.shell("iptables -F OUTPUT")
    assert said.status == 5
    assert f"the central manager is not reached at {slurm.login.address}:9618 from here" in said.err
    assert "has ended" in said.err


@pytest.mark.slow
def test_an_exported_batch_script_does_the_same(slurm: Cluster) -> None:
    """Without condor-mini after it was written, also without namespaces; it ends with the pool."""
    batch = slurm.ran("export", "slurm", "batch", "--time", "5m", "-q").strip()
    place = slurm.home / "batch"
    assert batch == str(place / "pool.sbatch")
    assert (place / "token").stat().st_mode & 0o777 == 0o600
    taken = slurm.cli("export", "slurm", "batch")
    assert taken.status == 4
    settings = (place / "settings").read_text()
    (place / "settings").write_text(settings.replace("patience_s=600", "patience_s=10"))
    job = slurm.slurm("sbatch", "--parsable", "--export=ALL,CONDOR_MINI_SANDBOX=paths", batch)
    jobs = submitted(slurm, "exported", "hostname; id -u", 1)
    ended = slurm.cli("wait", "--timeout", "90")
    assert ended.status == 0, (ended.err, (place / f"node-{job}-0.log").read_text()[-3000:])
    assert (jobs / "out.0").read_text().splitlines()[0] == f"mini-slurm-{job}-1"
    assert "paths are translated" in (place / f"node-{job}-0.log").read_text()
    (token,) = [
        each
        for each in json.loads(slurm.ran("token", "list", "-o", "json"))
        if each["state"] == "valid" and "-slurm-" in each["identity"]
    ]
    slurm.ran("token", "revoke", token["id"])
    slurm.ran("stop", "-q")
    wait_until(lambda: ", ".join(queue(slurm)) or None, timeout_s=60)
    assert "has not been reached" in (place / f"node-{job}-0.log").read_text()
    slurm.ran("start", "-q")
