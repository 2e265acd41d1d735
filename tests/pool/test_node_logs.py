"""``docker logs`` of a node shows what each of its daemons writes: labelled, once, in order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from tests.pool.conftest import Docker, Node, Pool

pytestmark = pytest.mark.engines("docker")

START = r"^{0}: \S+ \S+ (\(pid:\d+\) )?\*\* condor_{0} \(CONDOR_{1}\) STARTING UP$"
DAEMONS = {
    "master": ["master", "shared_port", "collector", "negotiator"],
    "submit": ["master", "shared_port", "schedd"],
    "execute": ["master", "shared_port", "startd"],
}


def assert_starts(node: Node, role: str, count: int) -> None:
    """Wait until the start of each daemon of a node is shown so often; it must not be more often.

    A node is healthy up to half a second before the last lines of its daemons are shown.
    """
    shown: dict[str, int] = {}

    def probe() -> str | None:
        log = node.log()
        for daemon in DAEMONS[role]:
            said = START.format(daemon, daemon.upper())
            shown[daemon] = len(re.findall(said, log, re.MULTILINE))
        return None if min(shown.values()) >= count else f"starts that are shown: {shown}"

    wait_until(probe, timeout_s=20)
    assert shown == dict.fromkeys(DAEMONS[role], count)


def write_lines(node: Node, count: int, log: str = "SchedLog") -> None:
    """Write numbered lines to a daemon's log file, as fast as can be."""
    node.shell(f"seq -f 'probe line %.0f' {count} >>/var/log/condor/{log}")


def wait_for_lines(node: Node, expected: list[str]) -> None:
    """Wait until just these of the numbered lines have been shown."""

    def probe() -> str | None:
        seen = re.findall(r"probe line \d+$", node.log(), re.MULTILINE)
        return None if len(seen) >= len(expected) else f"{len(seen)} of {len(expected)} lines"

    wait_until(probe, timeout_s=20)
    assert re.findall(r"^schedd: (probe line \d+)$", node.log(), re.MULTILINE) == expected


@pytest.mark.parametrize("role", DAEMONS)
def test_each_start_is_shown_once(shared: Docker, pool: Pool, role: str) -> None:
    """Every daemon of a node says once, behind its name, that it starts."""
    del shared
    node = {"master": pool.master, "submit": pool.submit, "execute": pool.execute}[role]
    assert_starts(node, role, 1)


def test_a_job_is_seen_in_both_logs(pool: Pool) -> None:
    """The shadow's lines are in the access point's log, the starter's in the execution point's."""
    cluster = pool.submit.submit("true")
    pool.submit.wait_for_job(cluster)
    pool.submit.wait_for_log("shadow: ", f"({cluster}.0)")
    pool.execute.wait_for_log("starter: ", f"Job {cluster}.0 ")


def test_every_line_has_a_label(pool: Pool) -> None:
    """No line is without the name of who wrote it."""
    label = re.compile(
        "(condor-mini|master|procd|shared_port|collector|negotiator|schedd|shadow|startd|starter): "
    )
    lines = [line for node in pool.nodes for line in node.log().splitlines()]
    assert [line for line in lines if not label.match(line)] == []


def test_a_burst_is_complete_and_in_order(docker: Docker) -> None:
    """10,000 lines written at once are all shown, in order, none twice."""
    node = docker.pool().submit
    write_lines(node, 10_000)
    wait_for_lines(node, [f"probe line {i}" for i in range(1, 10_001)])


def test_the_files_stay(pool: Pool) -> None:
    """The log directory holds a file for each daemon."""
    files = pool.submit.exec("ls", "/var/log/condor").split()
    assert {"MasterLog", "SchedLog", "SharedPortLog", "ProcLog"} <= set(files)


def test_the_last_lines_of_a_stop_are_shown(docker: Docker) -> None:
    """After the engine's stop the log ends with each daemon's last line."""
    node = docker.run("master").wait_until_healthy()
    node.stop()
    ends = re.findall(r"^(\w+): .* EXITING WITH STATUS 0$", node.log(), re.MULTILINE)
    assert sorted(ends) == ["collector", "master", "negotiator", "shared_port"]


def test_a_restart_repeats_nothing(docker: Docker) -> None:
    """After the engine's restart each start is shown twice in all: the old lines once."""
    node = docker.run("master").wait_until_healthy()
    node.restart()
    node.wait_until_healthy()
    assert_starts(node, "master", 2)


def test_rotation_loses_nothing(docker: Docker) -> None:
    """Of a log that is turned over up to twice before a look, every line is shown once."""
    node = docker.run("master", "-e", "_CONDOR_MAX_COLLECTOR_LOG=3000").wait_until_healthy()
    # The collector writes it when it starts, and at each reconfiguration.
    words = "COLLECTOR_GETAD_OPTIONS set to"
    # Six write 2.6 kB; thirty at once would turn the log over more often than twice.
    for expected in range(7, 32, 6):
        node.shell("for turn in $(seq 6); do condor_reconfig -daemon collector; done")
        node.wait_for_log("collector: ", words, count=expected)
    kept = node.shell(f"cat /var/log/condor/CollectorLog* | grep -c '{words}'")
    assert int(kept) < 31, "nothing was turned over"
    assert len(re.findall(f"^collector: .*{words}", node.log(), re.MULTILINE)) == 31


def test_a_burst_is_shown_whole(docker: Docker) -> None:
    """Of 10,000 lines at once each is shown once, in its order."""
    node = docker.run("master").wait_until_healthy()
    node.shell("seq -f 'burst %g' 10000 >>/var/log/condor/NegotiatorLog")
    node.wait_for_log("burst 10000")
    shown = re.findall(r"^negotiator: burst (\d+)$", node.log(), re.MULTILINE)
    assert shown == [str(number) for number in range(1, 10001)]


def test_a_log_is_followed_after_it_was_emptied(docker: Docker) -> None:
    """What daemons write to a log that somebody has emptied is shown."""
    node = docker.run("master").wait_until_healthy()
    log = "/var/log/condor/NegotiatorLog"
    node.shell(f"seq -f 'before %g' 1000 >>{log}")
    node.wait_for_log("negotiator: before 1000")
    node.shell(f": >{log}; seq -f 'after %g' 10 >>{log}")
    node.wait_for_log("negotiator: after 10")
    shown = re.findall(r"^negotiator: after (\d+)$", node.log(), re.MULTILINE)
    assert shown == [str(number) for number in range(1, 11)]
