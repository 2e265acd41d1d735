"""Hosts that are cut off, powered off, or far away, while jobs run on them."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until

from .joining import submitted, token

if TYPE_CHECKING:
    from hosts_for_tests import Host, Network

pytestmark = [pytest.mark.slow, pytest.mark.alone]

LEASE_S = 60
JOB = """\
executable = /bin/sh
transfer_executable = false
arguments = "-c 'sleep {seconds}; hostname'"
transfer_output_files = ""
output = out.$(Process)
log = log
rank = regexp("^beta", CondorMiniHost)
request_cpus = 1
request_memory = 64
request_disk = 1M
queue {count}
"""


@pytest.fixture
def pool(hosts: Network, request: pytest.FixtureRequest) -> tuple[Host, Host]:
    """A pool on one host, and two execution points on another one."""
    del request
    number = 2 * len(hosts.hosts) + 1
    names = ("alpha", "beta") if number == 1 else (f"alpha{number}", f"beta{number}")
    first = hosts.host(names[0], address=f"10.99.{number}.1/16")
    second = hosts.host(names[1], address=f"10.99.{number}.2/16")
    first.ran("create", "--expose", first.address, "-q")
    file = token(first, second, "--uses", "2")
    second.ran("join", first.address, "--token-file", file, "--execute", "2", "-n", "beta")
    return first, second


def begun(first: Host, *, seconds: int, count: int = 2) -> None:
    """Submit jobs, and wait until all run on the other host."""
    (first.home / "job.sub").write_text(JOB.format(seconds=seconds, count=count))
    first.ran("submit", str(first.home / "job.sub"))

    def waiting() -> str | None:
        where = first.ran("exec", "--", "condor_q", "-run", "-af", "RemoteHost").split()
        ours = [host for host in where if "beta" in host]
        return None if len(ours) == count else f"they run on {where}"

    wait_until(waiting, timeout_s=60)


def ended(first: Host, count: int, within_s: float) -> list[dict[str, int]]:
    """Wait until so many jobs are in the history; how often each was started, and its status."""
    found: list[dict[str, int]] = []

    def missing() -> str | None:
        names = "NumJobStarts,ExitCode,ClusterId,ProcId"
        constraint = "ClusterId == 2"  # the others are probe jobs
        argv = ("condor_history", "-json", "-attributes", names, "-constraint", constraint)
        found[:] = json.loads(first.ran("exec", "--", *argv) or "[]")
        return None if len(found) >= count else f"{len(found)} have ended"

    wait_until(missing, timeout_s=within_s, interval_s=1)
    assert first.ran("exec", "--", "condor_q", "-af", "JobStatus").split() == []
    return found


def round_trip_s(host: Host, *, to: Host) -> float:
    """How long a connection to the central manager takes."""
    words = f"time.monotonic(), socket.create_connection(('{to.address}', 9618)), time.monotonic()"
    code = f"import socket, time; begin, _, end = {words}; print(end - begin)"
    done = host.run(sys.executable, "-c", code)
    assert done.status == 0, done.err
    return float(done.out)


def test_jobs_survive_a_short_cut(hosts: Network, pool: tuple[Host, Host]) -> None:
    """They go on, and what ended meanwhile is delivered; each was started once."""
    first, second = pool
    begun(first, seconds=25)
    with hosts.cut(second):
        time.sleep(30)  # that is what is tested: for so long nothing passes
    jobs = ended(first, 2, within_s=90)
    assert [(job["NumJobStarts"], job["ExitCode"]) for job in jobs] == [(1, 0)] * 2


def test_jobs_run_elsewhere_after_a_long_cut(hosts: Network, pool: tuple[Host, Host]) -> None:
    """When the lease is over; each is completed once, also after the host is back."""
    first, second = pool
    begun(first, seconds=20)
    with hosts.cut(second):
        jobs = ended(first, 2, within_s=3 * LEASE_S)
    assert [job["ExitCode"] for job in jobs] == [0, 0]
    assert all(job["NumJobStarts"] > 1 for job in jobs)

    def missing() -> str | None:
        found = json.loads(first.ran("status", "-o", "json"))["joined"]
        slots = sum(node["slots"] for node in found)
        return None if slots == 2 else f"{slots} slots are back"

    wait_until(missing, timeout_s=90)
    assert len(ended(first, 2, within_s=5)) == 2


def test_jobs_run_elsewhere_after_a_power_off(pool: tuple[Host, Host]) -> None:
    """Nothing says goodbye; the host joins again when it is back."""
    first, second = pool
    begun(first, seconds=20)
    second.power_off()
    jobs = ended(first, 2, within_s=3 * LEASE_S)
    assert [job["ExitCode"] for job in jobs] == [0, 0]
    second.ran("start", "-n", "beta")
    assert submitted(first, "mini", "after", 'regexp("^beta", CondorMiniHost)')


def test_central_managers_host_is_away(hosts: Network, pool: tuple[Host, Host]) -> None:
    """Its own access point goes with it; the jobs elsewhere end all the same, once each."""
    first, second = pool
    begun(first, seconds=20)
    first.power_off()
    time.sleep(15)  # that is what is tested: it is away for so long
    first.ran("start")
    jobs = ended(first, 2, within_s=3 * LEASE_S)
    assert [job["ExitCode"] for job in jobs] == [0, 0]
    assert second.name
    assert hosts.hosts


def test_jobs_run_over_a_bad_line(hosts: Network, pool: tuple[Host, Host]) -> None:
    """100 ms there and 100 ms back, and one packet in a hundred is lost."""
    first, second = pool
    with hosts.impaired(second, delay_s=0.1, loss=0.01):
        assert round_trip_s(second, to=first) >= 0.2
        where = submitted(first, "mini", "bad", 'regexp("^beta", CondorMiniHost)', count=4)
    assert where <= {"beta-execute-1", "beta-execute-2"}
