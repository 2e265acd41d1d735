"""A pool over several hosts, which are network namespaces of this machine.

Nodes are of the embedded engine. A job on another host has an input of 200 MB, which HTCondor
encrypts; in turns with it the same file is copied between the same hosts by a plain socket. The CPU
time is that of all processes, less that of a job whose input has one byte. Then execution points
join from four hosts at the same time, more and more of them. The central manager's CPU time, as a
share of one core, and memory (PSS) are those of all its processes while no job runs.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench import machine
from bench.figures import Curve, Figure, Result
from bench.hosts import copied, pool_over_hosts
from bench.options import say
from bench.peers import EMBEDDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.hosts import HostsPool
    from bench.options import Options
    from hosts_for_tests import Host

INPUT_BYTES = 200_000_000
HOSTS = 4
SIZES, QUICK_SIZES = (1, 10, 50), (1, 5, 10)
"""How many execution points join from each host."""
SETTLE_S = 20
"""By then the last node has its token, and has updated its ads."""
PLAIN = "plain socket"
SLOT = "`join` of an execution point to its slot"
INPUT = "input of 200 MB to another host"
CPU = f"{INPUT}: CPU time of both"
WHATS = {
    "until all slots are there": "s",
    "central manager: CPU, share of a core": "%",
    "central manager: memory": "MB",
}


def measure(options: Options) -> Result:
    """Transfer a file to another host, and let execution points join."""
    with pool_over_hosts() as pool:
        second = pool.add_host("host2")
        figures = [joins(pool, second, options.times(5, 3))]
        figures += transfers(pool, second, options.times(10, 5))
        hosts = [second, *(pool.add_host(f"host{number}") for number in range(3, HOSTS + 2))]
        sizes = QUICK_SIZES if options.quick else SIZES
        curves = growth(pool, hosts, sizes, idle_s=options.times(60, 20))
    return Result(figures=tuple(figures), curves=tuple(curves))


def joins(pool: HostsPool, host: Host, count: int) -> Figure:
    """Have an execution point join some times."""
    seconds = []
    for _ in range(count):
        seconds.append(pool.joined([host], 1))
        pool.leave([host])
    return Figure(what=SLOT, pool=EMBEDDED, unit="s", values=tuple(seconds))


def transfers(pool: HostsPool, host: Host, count: int) -> list[Figure]:
    """Transfer a file to a host by HTCondor, and copy it by a socket, in turns."""
    pool.joined([host], 1)
    node = f"{host.name}-execute-1"
    of_job = pool.transferred("empty", node, 1).cpu_s
    by_htcondor, by_socket = [], []
    for number in range(count):
        by_htcondor.append(pool.transferred(f"job{number}", node, INPUT_BYTES))
        by_socket.append(copied(pool.first, host, INPUT_BYTES))
    pool.leave([host])
    return [
        figure
        for name, costs, less in ((EMBEDDED, by_htcondor, of_job), (PLAIN, by_socket, 0.0))
        for figure in (
            Figure(what=INPUT, pool=name, unit="s", values=tuple(c.seconds for c in costs)),
            Figure(what=CPU, pool=name, unit="s", values=tuple(c.cpu_s - less for c in costs)),
        )
    ]


def growth(
    pool: HostsPool, hosts: Sequence[Host], sizes: Sequence[int], *, idle_s: float
) -> list[Curve]:
    """Have so many execution points join from each host, and remove them again."""
    rows: list[tuple[float, ...]] = []
    for size in sizes:
        seconds = pool.joined(hosts, size)
        time.sleep(SETTLE_S)
        rows.append((float(size * len(hosts)), seconds, *of_manager(pool, idle_s)))
        say(f"{rows[-1]}")
        pool.leave(hosts)
    by_size = list(zip(*rows, strict=True))
    return [
        Curve(
            what=what,
            pool=EMBEDDED,
            unit=unit,
            by="execution points of other hosts",
            points=tuple(zip(by_size[0], values, strict=True)),
        )
        for (what, unit), values in zip(WHATS.items(), by_size[1:], strict=True)
    ]


def of_manager(pool: HostsPool, seconds: float) -> tuple[float, float]:
    """Return the share of a core and the memory that the central manager takes, in % and MB."""
    processes = pool.manager()
    before = machine.tree_cpu_s(processes)
    time.sleep(seconds)
    used = machine.tree_cpu_s(processes) - before
    return used / seconds * 100, machine.tree_memory_mb(processes)
