"""A pool over several hosts, which are network namespaces of this machine."""

from __future__ import annotations

import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench import machine
from hosts_for_tests import Host, Network, can_have_hosts, network

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

POOL_FILE = """version: 1
config: |
  DEFAULT_USERLOG_FORMAT_OPTIONS = ISO_DATE SUB_SECOND
"""
MANAGER = "mini-master"
CONTAINERS = "state/condor-mini/engine/containers"
JOB = """executable = /bin/true
transfer_executable = false
should_transfer_files = YES
transfer_input_files = input
transfer_output_files = ""
requirements = CondorMiniNode == "{node}"
request_memory = 16
request_disk = 1G
log = {name}.log
queue
"""
RUN = "condor_submit -terse - >&2 && condor_wait -wait {seconds} $0.log >&2 && cat $0.log"
AWAIT = """
until [ "$(condor_status -af CondorMiniNode | sort -u | grep -Ec "$0")" -ge "$1" ]; do
  sleep 0.1
done
date +%s.%N
"""
TRANSFERS = re.compile(
    r"^040 \(\S+\) (\S+ \S+) (Started|Finished) transferring input", re.MULTILINE
)
RECEIVER = """
import socket, sys, time
began = time.process_time()
with socket.create_server((sys.argv[1], 7000)) as server:
    connection, _ = server.accept()
    buffer = bytearray(1 << 18)
    with connection, open("received", "wb") as file:
        while count := connection.recv_into(buffer):
            file.write(memoryview(buffer)[:count])
        connection.sendall(b"1")
print(time.process_time() - began)
"""
SENDER = """
import contextlib, socket, sys, time
deadline = time.monotonic() + 30
connection = None
while connection is None:
    with contextlib.suppress(ConnectionRefusedError):
        connection = socket.create_connection((sys.argv[1], 7000))
    assert connection or time.monotonic() < deadline, "nobody listens"
with connection, open(sys.argv[2], "rb") as file:
    began, cpu_began = time.monotonic(), time.process_time()
    while chunk := file.read(1 << 18):
        connection.sendall(chunk)
    connection.shutdown(socket.SHUT_WR)
    assert connection.recv(1) == b"1"
    print(time.monotonic() - began, time.process_time() - cpu_began)
"""
DEADLINE_S = 600


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the transfer of a file takes."""

    seconds: float
    cpu_s: float
    """CPU time, on both hosts."""


@dataclass(frozen=True, kw_only=True)
class HostsPool:
    """A pool whose central manager, access point and one execution point are on the first host."""

    network: Network
    first: Host

    def add_host(self, name: str) -> Host:
        """Return another host, without nodes."""
        return self.network.host(name, address=f"10.99.0.{len(self.network.hosts) + 1}/16")

    def on_access_point(self, script: str, *argv: str, stdin: str | None = None) -> str:
        """Run a shell script on the access point; return what it writes to stdout."""
        return self.first.ran("exec", "--", "sh", "-euc", script, *argv, stdin=stdin)

    def joined(self, hosts: Sequence[Host], points: int) -> float:
        """Have so many execution points join from each host, from all at the same time.

        Returns:
            Seconds from the commands until all slots are at the collector.
        """
        for host in hosts:
            self._put_token(host, points)
        pattern = f"^({'|'.join(host.name for host in hosts)})-execute-"
        with ThreadPoolExecutor() as threads:
            waiting = threads.submit(self._await_slots, pattern, points * len(hosts))
            began = time.time()
            list(threads.map(lambda host: self._join(host, points), hosts))
            return waiting.result() - began

    def leave(self, hosts: Sequence[Host]) -> None:
        """Remove all nodes of hosts, which have no jobs."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(self._leave, hosts))

    def _leave(self, host: Host) -> None:
        done = host.cli("leave", "--grace", "0", timeout_s=DEADLINE_S)
        assert done.status == 0, f"{host.name}: {done.out}{done.err}"

    def _put_token(self, host: Host, uses: int) -> None:
        argv = ("token", "create", "--join", "execute", "-q", "--uses", str(uses))
        secret = self.first.ran(*argv)
        file = host.home / "token"
        file.touch(0o600)
        file.write_text(secret)

    def _join(self, host: Host, points: int) -> None:
        argv = ("join", self.first.address, "--token-file", "token", "--execute", str(points))
        done = host.cli(*argv, "--timeout", str(DEADLINE_S), timeout_s=DEADLINE_S + 60)
        assert done.status == 0, f"{host.name}: {done.out}{done.err}"

    def _await_slots(self, pattern: str, count: int) -> float:
        argv = ("exec", "--", "timeout", str(DEADLINE_S), "sh", "-euc", AWAIT, pattern, str(count))
        done = self.first.cli(*argv, timeout_s=DEADLINE_S + 60)
        assert done.status == 0, f"not all of {count} slots are there: {done.err}"
        return float(done.out)

    def transferred(self, name: str, node: str, size: int) -> Cost:
        """Run a job there that has a new file of this size as its input; what the transfer takes.

        The CPU time is that of all processes of the pool, from the submission to the job's end.
        """
        self.on_access_point(f"head -c {size} /dev/urandom >input")
        before = self._cpu_s()
        log = self.on_access_point(
            RUN.format(seconds=DEADLINE_S), name, stdin=JOB.format(node=node, name=name)
        )
        return Cost(seconds=transfer_s(log), cpu_s=self._cpu_s() - before)

    def manager(self) -> list[int]:
        """Return the processes of the central manager."""
        return machine.tree(_first_process(self.first.home / CONTAINERS / MANAGER))

    def _cpu_s(self) -> float:
        keepers = [
            keeper
            for host in self.network.hosts
            for keeper in (host.home / CONTAINERS).glob("*/keeper")
        ]
        first = [_first_process(keeper.parent) for keeper in keepers]
        return machine.tree_cpu_s([pid for each in first for pid in machine.tree(each)])


def _first_process(container: Path) -> int:
    return int((container / "keeper").read_text().split()[0])


def transfer_s(log: str) -> float:
    """Return how long the transfer of the input takes, by a job's event log.

    Raises:
        KeyError: No input was transferred to its end.
    """
    moments = {what: datetime.fromisoformat(when) for when, what in TRANSFERS.findall(log)}
    return (moments["Finished"] - moments["Started"]).total_seconds()


def copied(source: Host, target: Host, size: int) -> Cost:
    """Copy a new file of this size between hosts by a socket, without encryption."""
    source.shell(f"head -c {size} /dev/urandom >input")
    with ThreadPoolExecutor() as threads:
        receiving = threads.submit(target.run, sys.executable, "-c", RECEIVER, target.address)
        sent = source.run(sys.executable, "-c", SENDER, target.address, "input")
        received = receiving.result()
    assert sent.status == received.status == 0, sent.err + received.err
    seconds, cpu_s = map(float, sent.out.split())
    return Cost(seconds=seconds, cpu_s=cpu_s + float(received.out))


@contextmanager
def pool_over_hosts() -> Iterator[HostsPool]:
    """Yield a pool on the embedded engine, which nodes of other hosts can join.

    Raises:
        SystemExit: Nobody but root can make network namespaces, with ip(8).
    """
    if not can_have_hosts():
        raise SystemExit("Hosts are network namespaces: only root makes them, with ip(8)")
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        Path(folder).chmod(0o755)
        with network(Path(folder), "b") as made:
            first = made.host("host1", address="10.99.0.1/16")
            (first.home / "pool.yaml").write_text(POOL_FILE)
            first.ran("create", "-c", "pool.yaml", "--expose", first.address, "-n", "mini", "-q")
            yield HostsPool(network=made, first=first)
