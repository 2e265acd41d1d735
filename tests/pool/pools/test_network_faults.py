"""Faults of networks, as HTCondor and the programs on a node see them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.base.waiting import wait_until
from gates import Gate

if TYPE_CHECKING:
    from condor_mini.faults.faults import Faults
    from condor_mini.pool import Pool

    from .conftest import Cli

pytestmark = pytest.mark.pool_engines(
    "docker", "podman", reason="on the embedded engine all nodes share the network of the host"
)

WITHIN_S = 60.0
LEASE_S = 60
"""JobLeaseDuration (profile dev)."""
UPDATES_S = 5
"""How often daemons send their ads (profile dev)."""
TRIES = """\
import socket, sys
reached = 0
for _ in range(int(sys.argv[2])):
    try:
        socket.create_connection((sys.argv[1], 9618), timeout=0.3).close()
        reached += 1
    except OSError:
        pass
print(reached)
"""


def reached(pool: Pool, node: str, other: str, times: int = 1) -> int:
    """How many of that many connections to another node's shared port succeed."""
    address = pool.node(other).address
    assert address
    argv = ["python3", "-", address, str(times)]
    result = pool.exec(argv, node=node, stdin=TRIES)
    assert result.returncode == 0, result.stderr
    return int(result.stdout)


def heard(pool: Pool, node: str) -> int:
    """When the collector last heard of a node's startd."""
    ours = f'CondorMiniNode == "{pool.name}-{node}"'
    argv = ["condor_status", "-compact", "-constraint", ours, "-af", "LastHeardFrom"]
    return int(pool.exec(argv, node="master").stdout.splitlines()[0])


def begun(pool: Pool, script: str, **more: str) -> str:
    """Submit a job for the node execute-1; the path of its log."""
    log = pool.exec(["mktemp"]).stdout.strip()
    job = {
        "executable": "/bin/sh",
        "arguments": f"\"-c '{script}'\"",
        "transfer_executable": "false",
        "should_transfer_files": "YES",
        "request_disk": "1M",
        "requirements": f'CondorMiniNode == "{pool.name}-execute-1"',
        "log": log,
        **more,
    }
    text = "".join(f"{key} = {value}\n" for key, value in job.items())
    result = pool.exec(["condor_submit", "-"], stdin=f"{text}queue\n")
    assert result.returncode == 0, result.stderr
    return log


def await_event(pool: Pool, log: str, number: str, within_s: float = WITHIN_S) -> str:
    """Wait until a job's log has an event of a number; the log."""
    text = ""

    def absent() -> str | None:
        nonlocal text
        text = pool.exec(["cat", log]).stdout
        return None if re.search(f"^{number} ", text, re.MULTILINE) else f"no event {number}"

    wait_until(absent, timeout_s=within_s, interval_s=0.2)
    return text


def test_partition_silences_a_node(pool: Pool, faults: Faults) -> None:
    """The ad of a node that is cut off stands still, and its job is completed after the heal.

    The job is started once. The other node is not concerned.
    """
    gate = Gate(pool=pool)
    log = begun(pool, gate.passage)
    await_event(pool, log, "001")
    with faults.partition("execute-1"):
        silent, other = heard(pool, "execute-1"), heard(pool, "execute-2")

        def is_early() -> str | None:
            now = heard(pool, "execute-2")
            return None if now > other + UPDATES_S else "execute-2 has not updated twice"

        wait_until(is_early, timeout_s=WITHIN_S, interval_s=0.5)
        assert heard(pool, "execute-1") == silent
        gate.open()  # the engine reaches the node all the same
    text = await_event(pool, log, "005")
    assert len(re.findall(r"^001 ", text, re.MULTILINE)) == 1
    assert heard(pool, "execute-1") > silent


@pytest.mark.slow
def test_partition_is_between_groups(pool: Pool, faults: Faults) -> None:
    """Nodes that are cut off together reach each other; --from names those whom they do not."""
    with faults.partition("execute-1", "execute-2") as made:
        assert len(made.records) == 2
        assert reached(pool, "execute-1", "execute-2") == 1
        assert reached(pool, "execute-1", "master") == 0
        named = pool.exec(["getent", "hosts", f"{pool.name}-master"], node="execute-1")
        assert named.returncode == 0
        assert reached(pool, "master", "execute-2") == 0
    with faults.partition("execute-1", away_from=["submit-1"]):
        assert reached(pool, "execute-1", "submit-1") == 0
        assert reached(pool, "submit-1", "execute-1") == 0
        assert reached(pool, "execute-1", "master") == 1
    assert reached(pool, "execute-1", "submit-1") == 1


def test_loss(pool: Pool, faults: Faults) -> None:
    """Where 80 % of the packets are lost, most connections are not made in time; healed, all."""
    with faults.loss("execute-1", percent=80):
        assert reached(pool, "execute-1", "execute-2", 8) < 8
    assert reached(pool, "execute-1", "execute-2", 8) == 8


@pytest.mark.slow
def test_loss_is_in_the_words_of_htcondor(pool: Pool, faults: Faults) -> None:
    """Where all packets are lost, HTCondor's tools do not connect; healed, they do."""
    quick = {"_CONDOR_QUERY_TIMEOUT": "5"}
    address = pool.node("master").address  # Podman's name service is lost, too
    argv = ["condor_status", "-pool", str(address)]
    with faults.loss("execute-1", percent=100):
        result = pool.exec(argv, node="execute-1", user="root", environment=quick)
        assert result.returncode != 0
        assert "Failed to connect to" in result.stderr
    assert pool.exec(argv, node="execute-1", user="root").returncode == 0


@pytest.mark.slow
def test_bandwidth(pool: Pool, faults: Faults, cli: Cli) -> None:
    """An input of 3 MB takes a job 3 s at least where no more than 500 kB a second get through."""
    file = pool.exec(["mktemp"]).stdout.strip()
    pool.exec(["truncate", "-s", "3M", file])
    cli.succeeds("fault", "bandwidth", "execute-1", "--rate", "500k")
    assert [record.fault for record in faults.in_force()] == ["bandwidth"]
    log = begun(pool, "true", transfer_input_files=file)
    text = await_event(pool, log, "001")
    stamps = re.findall(
        r"^040 \S+ (\S+ \S+) (?:Started|Finished) trans.* input", text, re.MULTILINE
    )
    began, ended = map(datetime.fromisoformat, stamps)
    assert (ended - began).total_seconds() >= 3


def test_delay_needs_netem(pool: Pool, faults: Faults) -> None:
    """Each connection is delayed; where the kernel cannot, it is refused with the reason."""
    connect = f"time.perf_counter(); socket.create_connection(('{pool.name}-master', 9618))"
    program = f"import socket, time; t = {connect}; print(time.perf_counter() - t)"
    try:
        made = faults.delay("execute-1", ms=300)
    except EngineCapabilityError as refusal:
        assert "sch_netem" in (refusal.hint or "")  # noqa: PT017 (which of both, the kernel says)
        assert faults.in_force() == []
        return
    with made:
        took = pool.exec(["python3", "-c", program], node="execute-1").stdout
    assert float(took) >= 0.3


def test_name_service_is_gone(pool: Pool, faults: Faults) -> None:
    """HTCondor's tools cannot resolve the central manager, at once; the startd's ad goes on."""
    with faults.no_dns("execute-1"):
        before = heard(pool, "execute-1")
        result = pool.exec(["timeout", "3", "condor_status"], node="execute-1", user="root")
        assert "Unable to resolve COLLECTOR_HOST" in result.stderr

        def is_silent() -> str | None:
            return None if heard(pool, "execute-1") > before else "its ad stands still"

        wait_until(is_silent, timeout_s=WITHIN_S, interval_s=0.5)
    assert pool.exec(["condor_status"], node="execute-1", user="root").returncode == 0


def test_name_service_is_silent(pool: Pool, faults: Faults) -> None:
    """HTCondor's tools wait for a name server that does not answer, until it is healed."""
    with faults.silent_dns("execute-1"):
        result = pool.exec(["timeout", "3", "condor_status"], node="execute-1", user="root")
        assert (result.returncode, result.stdout) == (124, "")
    assert pool.exec(["condor_status"], node="execute-1", user="root").returncode == 0


@pytest.mark.slow
def test_partition_outlasts_the_lease(pool: Pool, faults: Faults) -> None:
    """A job whose node is cut off past its lease is given up, and runs again after the heal."""
    gate = Gate(pool=pool)
    log = begun(pool, gate.passage)
    await_event(pool, log, "001")
    with faults.partition("execute-1"):
        await_event(pool, log, "024", within_s=LEASE_S + 90)
    text = await_event(pool, log, "004")
    assert re.search(r"^022 ", text, re.MULTILINE)
    gate.open()
    text = await_event(pool, log, "005")
    assert len(re.findall(r"^001 ", text, re.MULTILINE)) == 2
