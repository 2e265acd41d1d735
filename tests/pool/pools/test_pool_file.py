"""A pool file's promises, kept by a real pool."""

from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import USER
from condor_mini.base.waiting import wait_until
from condor_mini.pool import Pool
from condor_mini.spec.pool_file import read_pool_file
from condor_mini.spec.schema import example

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from condor_mini.engine import Engine, VolumeInfo
    from condor_mini.jobs.tracking import Submission
    from condor_mini.nodes.node import Node

pytestmark = pytest.mark.every_engine

FILE = """
version: 1
name: NAME
config: |
  POOL_KNOB = for all
environment: {POOL_VARIABLE: "all"}
labels: {team: physics}
shared: {path: /shared}
central_manager:
  config: NODE_KNOB = of the central manager
access_points:
  - name: one
    volumes: ["./data:/data:ro"]
    environment: {NODE_VARIABLE: of the access point}
    ports: [8080]
execution_points:
  - name: big
    cpus: 64
    memory: 512GB
    disk: 2TB
    gpus: {count: 2, name: NVIDIA A100, memory: 40GB, capability: 8.0}
    attributes: {HasLab: true, Rack: "b\\"12", Price: 1.5, Sets: [a, b], Nothing: null}
  - name: many
    count: 2
    slots: 50
    memory: 100GB
    volumes: ["scratch:/scratch"]
    limit: {cpus: 0.5, memory: 512MB, processes: 100}
"""
BOMB = """#!/usr/bin/python3
import os
while True:
    try:
        os.fork()
    except OSError:
        open("/shared/full", "w").close()
"""


@pytest.fixture(scope="module")
def described(pool_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """The pool that FILE describes."""
    folder = tmp_path_factory.mktemp("file")
    (folder / "data").mkdir()
    (folder / "data" / "input.txt").write_text("from the host\n")
    file = folder / "pool.yaml"
    text = FILE.replace("NAME", f"t{os.urandom(4).hex()}")
    if "pids" not in pool_engine.info().limits:
        text = text.replace(", processes: 100", "")
    file.write_text(text)
    with Pool.create(spec=file, engine=pool_engine) as made:
        yield made


def values(pool: Pool, group: str, *attributes: str) -> list[str]:
    """What the first slot of a group's first node says."""
    node = next(node.name for node in pool.nodes if node.group == group)
    said = pool.exec(
        [
            "condor_status",
            "-constraint",
            f'CondorMiniNode == "{node}"',
            "-limit",
            "1",
            "-af:r,",
            *attributes,
        ]
    )
    return [value.strip() for value in said.stdout.strip().split(",")]


def in_job(pool: Pool, script: str, *more: str) -> str:
    """What a job writes that runs a shell script."""
    lines = dict(line.split(" = ", 1) for line in more)
    job = pool.submit(
        {
            "executable": "/bin/sh",
            "arguments": f"\"-c '{script}'\"",
            "transfer_executable": "false",
            "transfer_output_files": '""',
            "output": "out",
            "log": "log",
            **lines,
        }
    )
    assert job.wait(timeout_s=60) == 0
    return job.read(job.ended()[0], "Out").strip()


@pytest.mark.slow_on("docker")
def test_node_advertises_what_the_file_says(described: Pool) -> None:
    """A laptop presents a node of 64 cores, 512 GB and 2 TB."""
    assert values(described, "big", "Cpus", "Memory", "Disk") == ["64", "524288", "2147483648"]


def test_attributes_are_class_ad_values(described: Pool) -> None:
    """Booleans, texts, numbers, lists and undefined arrive as they were written."""
    assert values(described, "big", "HasLab", "Rack", "Price", "Nothing") == [
        "true",
        '"b\\"12"',
        "1.5",
        "undefined",
    ]


def test_job_gets_the_gpu_that_it_asks_for(described: Pool) -> None:
    """A job that asks for a GPU with properties runs where there is one, and is told its name."""
    said = in_job(
        described,
        "echo $CUDA_VISIBLE_DEVICES",
        "request_gpus = 1",
        "require_gpus = Capability >= 8",
    )
    assert said.startswith(("CUDA", "GPU", "0", "1"))


def test_static_slots_are_all_there(described: Pool) -> None:
    """Two nodes of 50 static slots are 100 slots, each with its share of the memory."""
    names = [node.name for node in described.nodes if node.group == "many"]
    hosts = ", ".join(f'"{name}"' for name in names)
    ads = described.slot_ads(f"member(CondorMiniNode, {{{hosts}}})", ["Memory"])
    assert [ad["Memory"] for ad in ads] == [2048] * 100


def test_configuration_is_for_all_and_for_one(described: Pool) -> None:
    """The pool's configuration is on every node, a node's only there."""
    told = {
        (node.role.value, knob): node.exec(["condor_config_val", knob]).stdout.strip()
        for node in described.nodes
        for knob in ("POOL_KNOB", "NODE_KNOB")
    }
    assert {told[role, "POOL_KNOB"] for role in ("master", "submit", "execute")} == {"for all"}
    assert told["master", "NODE_KNOB"] == "of the central manager"
    assert told["submit", "NODE_KNOB"] == ""


def test_environment_is_for_all_and_for_one(described: Pool) -> None:
    """The pool's variables and the node's are in the container."""
    said = described.exec(["sh", "-c", "echo $POOL_VARIABLE, $NODE_VARIABLE"]).stdout
    assert said == "all, of the access point\n"


def test_shared_directory_is_seen_by_all(described: Pool) -> None:
    """What a job writes into the shared directory, the access point reads."""
    in_job(described, "hostname > /shared/`hostname`")
    (name,) = described.exec(["ls", "/shared"]).stdout.split()
    assert "-execute-" in name


def test_job_without_transfers_runs_in_the_shared_directory(described: Pool) -> None:
    """A job that transfers no files runs in the shared directory, and is not matched elsewhere."""
    job = (
        "executable = /bin/pwd\ntransfer_executable = false\nshould_transfer_files = NO\n"
        "output = pwd.out\nlog = pwd.log\nrequest_memory = 16\nrequest_disk = 1M\nqueue\n"
    )
    script = "mkdir -p w && cd w && condor_submit - && condor_wait -wait $0 pwd.log; cat pwd.out"
    run = ["sh", "-c", script]
    shared = described.exec([*run, "60"], workdir="/shared", stdin=job)
    assert shared.stdout.endswith("/shared/w\n"), shared
    elsewhere = described.exec(["condor_submit", "-terse", "-"], stdin=job)
    cluster = elsewhere.stdout.partition(".")[0]
    why = described.exec(["condor_q", "-better-analyze", cluster]).stdout
    described.exec(["condor_rm", cluster])
    assert "No machines matched the job" in why  # 23 writes "the jobs's constraints"


@pytest.mark.parametrize(
    ("lines", "is_there"),
    [
        (("executable = program", "transfer_input_files = input"), True),
        (("executable = program", "transfer_input_files = /bin/true"), False),
        (("executable = /bin/pwd",), False),
        pytest.param(("executable = program",), True, marks=pytest.mark.slow),
        pytest.param(
            *(("executable = /bin/pwd", "transfer_executable = false"), True),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *(("executable = program", "should_transfer_files = YES"), False),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_transfers_that_are_not_needed(
    described: Pool, lines: tuple[str, ...], is_there: bool
) -> None:
    """By default a job runs in the shared directory if its executable and inputs are shared."""
    more = ("output = out", "log = log", "request_memory = 16", "request_disk = 1M", "queue")
    script = (
        "d=$(mktemp -d /shared/XXXXXX) && cd $d && cp /bin/pwd program && touch input && "
        "condor_submit - >/dev/null && condor_wait -wait 60 log >/dev/null; pwd; cat out"
    )
    output = described.exec(["sh", "-c", script], stdin="\n".join((*lines, *more)) + "\n").stdout
    folder, ran_in = output.split()
    assert (ran_in == folder) is is_there


def test_directory_of_the_host_is_mounted(described: Pool) -> None:
    """A bind mount shows the host's files, and read-only ones cannot be written."""
    assert described.exec(["cat", "/data/input.txt"]).stdout == "from the host\n"
    assert described.exec(["touch", "/data/x"], user="root").returncode != 0


def test_volume_of_the_pool_can_be_written_by_users(described: Pool) -> None:
    """An ordinary user writes into the pool's own volume."""
    node = next(node for node in described.nodes if node.group == "many")
    assert node.exec(["touch", "/scratch/x"]).returncode == 0


@pytest.mark.pool_engines("docker", reason="it reads the cgroup's file")
def test_limit_is_the_engines(described: Pool) -> None:
    """A limit is enforced, whatever the node advertises."""
    node = next(node for node in described.nodes if node.group == "many")
    folder = "/sys/fs/cgroup"
    read = f"cat {folder}/memory/memory.limit_in_bytes 2>/dev/null || cat {folder}/memory.max"
    assert node.exec(["sh", "-c", read]).stdout.strip() == str(512 * 2**20)


@pytest.fixture
def bombed(described: Pool, tmp_path: Path) -> Iterator[tuple[Node, Submission]]:
    """A node that has no room for one more process, and the job that forks there without end."""
    node = next(node for node in described.nodes if node.group == "many")
    (tmp_path / "bomb.py").write_text(BOMB)
    (tmp_path / "job.sub").write_text(
        f'executable = bomb.py\nrequirements = CondorMiniNode == "{node.name}"\nqueue\n'
    )
    job = described.submit(tmp_path / "job.sub")

    def has_room() -> str | None:
        return described.exec(["ls", "/shared/full"]).stderr or None

    try:
        wait_until(has_room, timeout_s=30)
        yield node, job
    finally:
        job.remove()
        described.exec(["rm", "-f", "/shared/full"])


@pytest.mark.slow
@pytest.mark.pool_engines("docker", reason="embedded has no limit of processes everywhere")
def test_restart_ends_a_fork_bomb(described: Pool, bombed: tuple[Node, Submission]) -> None:
    """The startd outlives a job that takes all of its node's processes; a restart ends that job."""
    node, job = bombed
    here = f'CondorMiniNode == "{node.name}"'
    before = described.slot_ads(here, ["MyAddress"])
    job.remove()

    def still_busy() -> str | None:
        busy = described.slot_ads(f'{here} && Activity == "Busy"', ["Name"])
        return f"the startd does not say that the job has gone: {busy}" if busy else None

    wait_until(still_busy, timeout_s=60)
    assert described.slot_ads(here, ["MyAddress"]) == before
    described.restart(node=node.name)
    left = node.exec(["ps", "-u", USER, "-o", "args="], user="root").stdout
    assert "bomb" not in left
    assert in_job(described, "hostname", f"requirements = {here}") == node.name


@pytest.mark.pool_engines(
    "docker", reason="embedded publishes no port of the host; no Python is in its nodes"
)
def test_published_port_is_reached_on_loopback(described: Pool) -> None:
    """What listens in the container is reached at the address that `status` names."""
    node = described.node()
    where = node.info.ports[8080]
    host, _, port = where.rpartition(":")
    assert host == "127.0.0.1"
    serve = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=8080)"
    node.exec(["sh", "-c", f"setsid python3 -c '{serve}' >/dev/null 2>&1 & "])

    def unanswered() -> str | None:
        try:
            with socket.create_connection((host, int(port)), timeout=5) as connection:
                connection.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
                return None if connection.recv(100).startswith(b"HTTP/1.") else "no HTTP"
        except OSError as error:
            return str(error)

    wait_until(unanswered, timeout_s=20)


def shared(volumes: list[VolumeInfo]) -> list[VolumeInfo]:
    """Those that are no node's state, and have a name that a person gave them."""
    named = [volume for volume in volumes if not re.fullmatch("[0-9a-f]{64}", volume.name)]
    return [volume for volume in named if "io.condor-mini.role" not in volume.labels]


def test_labels_are_on_all_that_the_engine_holds(described: Pool, pool_engine: Engine) -> None:
    """The pool's labels are on each container, the network and the volumes."""
    label = {"team": "physics", "io.condor-mini.pool": described.name}
    assert len(pool_engine.containers(label)) == 5
    assert len(pool_engine.networks(label)) == 1
    volumes = pool_engine.volumes(label)
    assert len(shared(volumes)) == 2
    assert len(volumes) > 2


def test_volumes_are_deleted_with_the_pool(pool_engine: Engine, tmp_path: Path) -> None:
    """The documented example makes a pool, and its end leaves no volume."""
    file = tmp_path / "pool.yaml"
    file.write_text(example())
    spec = read_pool_file(file)
    name = f"t{os.urandom(4).hex()}"
    with Pool.create(name, spec=spec, engine=pool_engine):
        assert len(shared(pool_engine.volumes({"io.condor-mini.pool": name}))) == 2
    assert pool_engine.volumes({"io.condor-mini.pool": name}) == []


def test_scaled_group_keeps_its_description(described: Pool) -> None:
    """A node that is added to a group advertises what the file says of the group."""
    described.scale(2, group="big")
    said = described.slot_ads("HasLab =?= true", ["Cpus", "GPUs"])
    assert [(ad["Cpus"], ad["GPUs"]) for ad in said] == [(64, 2), (64, 2)]
