"""Faults, scenarios, snapshots and recordings of a pool whose nodes are on several hosts.

One file puts nodes on two hosts with Docker, and on one without an engine. A node of a third host
joins by hand.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from condor_mini.base.waiting import wait_until
from condor_mini.images import fault_tools
from docker_hosts import can_have_docker

from .elsewhere import NODE1, machines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosts_for_tests import Host, Network

    from .elsewhere import Machines

pytestmark = [
    pytest.mark.pool_engines("docker", reason="two of the hosts have Docker"),
    pytest.mark.slow,
    pytest.mark.timeout(600),
]
POOL = "lab"
NAMED = ("-n", POOL)
FILE = f"""\
version: 1
name: {POOL}
expose: {NODE1}
access_points:
  - {{name: default}}
  - {{name: far, host: node2}}
execution_points:
  - {{name: there, count: 2, host: node2}}
  - {{name: plain, count: 1, host: embedded}}
"""
JOB = """\
executable = /bin/sleep
transfer_executable = false
should_transfer_files = yes
arguments = 600
requirements = CondorMiniNode == "{node}"
request_cpus = 1
request_memory = 64
request_disk = 16M
queue
"""
SCENARIO = """\
version: 1
workload:
  - submit: {executable: /bin/sleep, arguments: 4, transfer_executable: false, request_memory: 64}
    count: 4
steps:
  - {at: 1s, fault: freeze, target: execute-1/startd, for: 2s}
  - {at: 2s, fault: partition, target: execute-2, for: 2s}
"""
WITHIN_S = 60.0
INTERRUPTED = 130
ASKS_WITHIN_S = 240.0
"""A node whose token is refused looks twice, a minute apart, and each look may take 20 s."""


@pytest.fixture(scope="module")
def two(hosts: Network) -> Iterator[Machines]:
    """Two hosts with Docker, the pool on them, and the image that faults need on the first."""
    if not can_have_docker():
        pytest.skip("there is no dockerd for hosts of their own")
    folder = Path(tempfile.mkdtemp(prefix="cmh"))  # pytest's are too long for a socket
    try:
        with machines(hosts, folder) as made:
            made.here.load([_fault_tools()])
            done = made.cli("create", "-c", made.file(FILE), "-q")
            assert done.status == 0, done.err
            yield made
            made.ran("delete", *NAMED, "-q")
            assert made.there.docker("volume", "ls", "-q").split() == []
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fault_tools() -> str:
    from condor_mini.base.progress import Progress
    from condor_mini.engines import find_engine

    return fault_tools.ensure(find_engine("docker"), "", Progress())


@pytest.fixture
def lab(two: Machines) -> Iterator[Machines]:
    """The hosts with the pool, in which no fault and no job is left."""
    yield two
    two.ran("heal", *NAMED)
    for node in ("submit-1", "submit-2"):
        two.ran("exec", *NAMED, "--node", node, "--", "condor_rm", "-all")


@pytest.fixture(scope="module")
def third(hosts: Network, two: Machines) -> Host:
    """A host without an engine, of which a node has joined."""
    host = hosts.host("node3", address="10.99.0.3/16")
    token = host.home / "token"
    token.touch(0o600)
    token.write_text(two.ran("token", "create", *NAMED, "--join", "execute", "-q"))
    host.ran("join", NODE1, "--token-file", str(token), "-n", "gamma")
    return host


def in_force(lab: Machines) -> list[str]:
    """The faults that `status` shows."""
    return [f"{one['fault']} {one['target']}" for one in lab.status(POOL)["faults"]]


def submitted(lab: Machines, node: str, *, at: str = "submit-1") -> str:
    """Submit a job that runs on a node; its id, once it runs there."""
    (folder := Path(tempfile.mkdtemp(dir=lab.here.host.home))).chmod(0o755)
    (folder / "job.sub").write_text(JOB.format(node=node))
    said = lab.ran("submit", *NAMED, "--node", at, str(folder / "job.sub"))
    job = f"{said.split('cluster ')[1].partition('.')[0].strip()}.0"
    wait_until(lambda: _not_on(lab, job, at, node), timeout_s=WITHIN_S)
    return job


def _not_on(lab: Machines, job: str, at: str, node: str) -> str | None:
    found = asked(lab, job, "RemoteHost", at=at)
    return None if f"@{node}." in found else f"{job} is on {found!r}, not on {node}"


def asked(lab: Machines, job: str, *attributes: str, at: str = "submit-1") -> str:
    """Attributes of a job in the queue."""
    query = ("condor_q", job, "-af", *attributes)
    return lab.ran("exec", *NAMED, "--node", at, "--", *query).strip()


# -- one file -------------------------------------------------------------------------------------


def test_node_of_another_host_is_killed_removed_and_healed(lab: Machines) -> None:
    """Its container there ends, and runs again; one that was removed is another one."""
    lab.ran("fault", "kill-node", *NAMED, "execute-1")
    assert lab.there.docker("ps", "-q", "--filter", "name=lab-execute-1") == ""
    assert in_force(lab) == ["kill-node lab-execute-1"]
    lab.ran("heal", *NAMED, "execute-1")
    before = lab.there.docker("ps", "-q", "--filter", "name=lab-execute-1")
    assert before
    lab.ran("fault", "remove-node", *NAMED, "execute-1", "--for", "1s")
    assert lab.there.docker("ps", "-q", "--filter", "name=lab-execute-1") not in ("", before)
    assert lab.status(POOL)["verdict"] == "usable"


def test_network_disk_and_clock_of_a_node_of_another_host(lab: Machines) -> None:
    """They are made beside it, where it is; healed, all is well again."""
    there = ("exec", *NAMED, "--node", "execute-1", "--user", "root", "--")
    reach = (*there, "timeout", "5", "condor_status", "-collector")
    assert lab.cli(*reach).status == 0
    lab.ran("fault", "partition", *NAMED, "execute-1")
    assert lab.cli(*reach).status != 0
    lab.ran("heal", *NAMED)
    assert lab.cli(*reach).status == 0
    write = (*there, "sh", "-c", "head -c 1000000 /dev/zero >/tmp/full")
    lab.ran("fault", "disk-full", *NAMED, "execute-1", "--path", "/tmp")
    assert lab.cli(*write).status != 0
    lab.ran("heal", *NAMED)
    assert lab.cli(*write).status == 0
    lab.ran("fault", "clock", *NAMED, "execute-1", "--by", "3600", "--for", "1s")
    assert lab.status(POOL)["verdict"] == "usable"


def test_token_of_a_node_of_another_host(lab: Machines) -> None:
    """It is revoked and given anew by the central manager here."""
    lab.ran("fault", "revoke-token", *NAMED, "execute-2")
    assert "revoked" in lab.ran("token", "list", *NAMED)
    lab.ran("heal", *NAMED)
    assert lab.status(POOL)["verdict"] == "usable"


def test_what_cannot_be_had_is_refused_first(lab: Machines) -> None:
    """Names what is missing; nothing is in force."""
    for words, why in (
        (("partition", "execute-3"), "the embedded engine cannot make such a fault"),
        (("partition", "execute-1", "--from", "master"), "it is on another host"),
    ):
        refused = lab.cli("fault", words[0], *NAMED, *words[1:])
        assert refused.status == 6
        assert why in refused.err
    assert in_force(lab) == []


def test_job_on_another_host_is_struck(lab: Machines) -> None:
    """Its program there by a signal or a code, and itself at its access point, wherever that is."""
    for words, end in (
        (("signal", "--signal", "SEGV"), "true 11 undefined"),
        (("exit", "--code", "77"), "false undefined 77"),
    ):
        job = submitted(lab, "lab-execute-1")
        lab.ran("fault", words[0], *NAMED, job, *words[1:])
        asked_of = ("-af", "ExitBySignal", "ExitSignal", "ExitCode")
        last = ("condor_history", job, "-limit", "1", *asked_of)

        def runs(last: tuple[str, ...] = last, end: str = end) -> str | None:
            found = lab.ran("exec", *NAMED, "--", *last).strip()
            return None if found == end else f"the history has {found!r}"

        wait_until(runs, timeout_s=WITHIN_S)
    other = submitted(lab, "lab-execute-3", at="submit-2")
    lab.ran("fault", "hold", *NAMED, other, "--node", "submit-2", "--code", "13")
    assert asked(lab, other, "JobStatus", "HoldReasonCode", at="submit-2") == "5 13"


def test_next_command_heals_after_sigkill(lab: Machines) -> None:
    """On another host as here; it says so."""
    argv = ("fault", "pause-node", *NAMED, "execute-2", "--for", "300s")
    holder = lab.here.host.popen(sys.executable, "-m", "condor_mini", *argv)
    try:
        wait_until(lambda: None if in_force(lab) else "it is not in force", timeout_s=WITHIN_S)
    finally:
        holder.kill()
        holder.wait()
    assert "Healed pause-node lab-execute-2" in lab.cli("status", *NAMED).err
    assert in_force(lab) == []


def test_host_that_is_away(lab: Machines) -> None:
    """Faults of other hosts are made and healed meanwhile; its own stay until it is back."""
    lab.ran("fault", "stop-node", *NAMED, "execute-1")
    with lab.there.away():
        lab.ran("fault", "freeze", *NAMED, "execute-3/startd", "--for", "1s")
        healed = lab.cli("heal", *NAMED)
        assert healed.status == 6
        assert "the host node2 is not reached" in healed.err
        struck = lab.cli("fault", "stop-node", *NAMED, "execute-2")
        assert struck.status == 6
        assert "the host node2 is not reached" in struck.err
    assert in_force(lab) == ["stop-node lab-execute-1"]
    lab.ran("heal", *NAMED)
    assert lab.status(POOL)["verdict"] == "usable"


def test_scenario(lab: Machines) -> None:
    """Its faults strike nodes of another host, and all jobs complete."""
    (lab.here.host.home / "scenario.yaml").write_text(SCENARIO)
    result = json.loads(lab.ran("chaos", "run", *NAMED, "scenario.yaml", "-o", "json"))
    assert len(result["jobs"]) == 4
    assert [one["problem"] for one in result["faults"]] == [None, None]


def entries(host: Host, directory: str) -> list[dict[str, Any]]:
    """A timeline."""
    shown = host.ran("timeline", directory, "--kind", "all", "-o", "json")
    return [json.loads(line) for line in shown.splitlines()]


def test_recording(lab: Machines) -> None:
    """It has a job that ran on another host, that host's slots and logs, and faults there."""
    folder = "recorded"
    process = lab.here.host.popen(sys.executable, "-m", "condor_mini", "record", *NAMED, folder)
    begun = lab.here.host.home / folder / "unordered.jsonl"
    wait_until(lambda: None if begun.exists() else "it has not begun", timeout_s=WITHIN_S)
    submitted(lab, "lab-execute-1")
    lab.ran("fault", "freeze", *NAMED, "execute-2/startd", "--for", "1s")
    process.send_signal(signal.SIGINT)
    assert process.wait(WITHIN_S) == INTERRUPTED
    found = entries(lab.here.host, folder)
    ran = [one for one in found if one["kind"] == "event" and "lab-execute-1" in one["text"]]
    assert ran
    assert {"lab-execute-1", "lab-execute-2"} <= {
        one["node"] for one in found if one["kind"] == "slot"
    }
    assert "lab-execute-1" in {one["node"] for one in found if one["kind"] == "log"}
    assert [one["node"] for one in found if one["kind"] == "fault"] == ["lab-execute-2"] * 2


def test_snapshot(lab: Machines) -> None:
    """The queues of access points on both hosts are saved, and are there again."""
    for node in ("submit-1", "submit-2"):
        job = submitted(lab, "lab-execute-3" if node == "submit-2" else "lab-execute-1", at=node)
        lab.ran("fault", "hold", *NAMED, job, "--node", node)
    lab.ran("snapshot", "save", *NAMED, "./both.tar.gz", "-q")
    for node in ("submit-1", "submit-2"):
        lab.ran("exec", *NAMED, "--node", node, "--", "condor_rm", "-all")
    lab.ran("snapshot", "restore", *NAMED, "./both.tar.gz", "-q")
    for node in ("submit-1", "submit-2"):
        query = ("exec", *NAMED, "--node", node, "--", "condor_q", "-af", "JobStatus")
        assert lab.ran(*query).split() == ["5"]
    assert lab.status(POOL)["verdict"] == "usable"


# -- a node that has joined -----------------------------------------------------------------------


def test_node_that_has_joined_is_struck_on_its_host(lab: Machines, third: Host) -> None:
    """Here it is said what to type there; there it works."""
    refused = lab.cli("fault", "kill-node", *NAMED, "gamma-execute-1")
    assert refused.status == 3
    assert "Type on node3: condor-mini fault kill-node -n gamma execute-1" in refused.err
    third.ran("fault", "kill-node", "-n", "gamma", "execute-1", "--for", "1s")
    third.ran("fault", "freeze", "-n", "gamma", "execute-1/startd")
    faults = json.loads(third.cli("status", "gamma", "-o", "json").out)["faults"]
    assert [one["target"] for one in faults] == ["gamma-execute-1/startd"]
    third.ran("heal", "-n", "gamma")
    for fault, typed in (("revoke-token", "token revoke --force"), ("lose-key", "lose-key master")):
        refused = third.cli("fault", fault, "-n", "gamma", "execute-1")
        assert refused.status == 2
        assert typed in refused.err


def test_job_on_a_node_that_has_joined(lab: Machines, third: Host) -> None:
    """It is evicted from here; its processes are struck there."""
    job = submitted(lab, "gamma-execute-1")
    refused = lab.cli("fault", "kill-starter", *NAMED, job)
    assert refused.status == 3
    assert "condor-mini fault kill -n gamma execute-1 starter" in refused.err
    before = int(asked(lab, job, "NumJobStarts"))
    third.ran("fault", "kill", "-n", "gamma", "execute-1", "starter")

    def not_again() -> str | None:
        found = asked(lab, job, "NumJobStarts")
        return None if int(found) > before else f"it has started {found} times"

    wait_until(not_again, timeout_s=WITHIN_S, interval_s=1)
    lab.ran("fault", "hold", *NAMED, job)
    assert asked(lab, job, "JobStatus") == "5"


def test_recordings_of_both_hosts(lab: Machines, third: Host) -> None:
    """The first host's says what is to be recorded elsewhere, and the other one has it."""
    lab.ran("record", *NAMED, "first", "--for", "1s")
    told = {
        one["node"]: one["text"]
        for one in entries(lab.here.host, "first")
        if one["kind"] == "missing"
    }
    assert "condor-mini record -n gamma DIR" in told["gamma-execute-1"]
    third.ran("record", "-n", "gamma", "there", "--for", "8s")
    found = entries(third, "there")
    assert {one["node"] for one in found if one["kind"] in ("log", "node")} == {"gamma-execute-1"}


def test_snapshot_leaves_nodes_that_have_joined(lab: Machines, third: Host) -> None:
    """They are in the pool again, and their job goes on where it ran."""
    job = submitted(lab, "gamma-execute-1")

    def unlike() -> str | None:
        found = asked(lab, job, "JobStatus", "NumJobStarts")
        return None if found == "2 1" else f"it is {found}"

    wait_until(unlike, timeout_s=WITHIN_S)
    lab.ran("snapshot", "save", *NAMED, "./first.tar.gz", "-q")
    wait_until(lambda: _absent(lab, "gamma-execute-1"), timeout_s=WITHIN_S)
    assert unlike() is None
    refused = third.cli("snapshot", "save", "-n", "gamma", "./there.tar.gz")
    assert refused.status == 2
    assert "on its own host" in refused.err


def _absent(lab: Machines, node: str) -> str | None:
    joined = [one["name"] for one in lab.status(POOL)["joined"]]
    return None if node in joined else f"of {node} there is no ad"


def test_lost_key_and_a_node_that_has_joined(lab: Machines, third: Host) -> None:
    """The heal names it; it asks for a token, `status` shows that, and `approve` lets it in."""
    assert _absent(lab, "gamma-execute-1") is None
    lab.ran("fault", "lose-key", *NAMED, "master")
    healed = lab.cli("heal", *NAMED)
    assert healed.status == 0
    assert "within two minutes: gamma-execute-1 on node3" in healed.err
    assert "condor-mini approve" in third.cli("status", "gamma").out

    def silent() -> str | None:
        waiting = [one["client"] for one in lab.status(POOL)["requests"]]
        found = any(client.startswith("gamma-execute-1") for client in waiting)
        return None if found else f"who asks is {waiting}"

    wait_until(silent, timeout_s=ASKS_WITHIN_S, interval_s=2)
    lab.ran("approve", *NAMED, "--all")
    wait_until(lambda: _absent(lab, "gamma-execute-1"), timeout_s=WITHIN_S, interval_s=1)
    assert lab.status(POOL)["verdict"] == "usable"
