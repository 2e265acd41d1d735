"""Which of HTCondor's commands a pool's daemons take from whom: each is asked for each of them."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.pool.pools.attackers import attacker, token_of

from condor_mini.base.series import catalogue
from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from condor_mini.pool import Pool

pytestmark = pytest.mark.pool_engines("docker", reason="the embedded engine has the same daemons")

PAGE = Path(__file__).parents[3] / "docs/reference/open-commands.md"
COMMAND = re.compile(r"`[A-Z_]+` \((\d+)\)")
NODES = {"central manager": "master", "access point": "submit-1", "execution point": "execute-1"}
JOBS = r"""
cd
printf '%s\n' 'executable = /bin/sleep' 'arguments = 600' 'transfer_executable = false' \
  "requirements = CondorMiniNode == \"$1\"" queue >open.sub
printf 'JOB A open.sub\n' >open.dag
condor_submit open.sub
condor_submit_dag -f open.dag
"""
LISTENING = """
condor_config_val IP_ADDRESS
grep -o '@[0-9a-f]*/.*' /proc/net/unix | sort -u
awk '$4 == "0A" && $2 ~ /^0+:/ { print $2 }' /proc/net/tcp /proc/net/tcp6
"""
"""The sockets behind the one port that daemons share, and whatever other ports there are."""
KINDS = {
    *("collector", "negotiator", "master", "schedd", "shadow", "startd", "starter"),
    "port",  # what collector and schedd have for condor_sos
}
DAGMAN_LISTENS = "grep -qsE 'command socket at|No command port' ~/open.dag.dagman.out"
"""DAGMan's port cannot be told from those of condor_sos; its log says when it has one.

HTCondor 23's DAGMan has none, and says so.
"""
NUMBERS = (
    *(range(110), range(400, 566), range(700, 708), range(800, 808), range(1000, 1012)),
    *(range(1105, 1115), range(1200, 1204), range(1500, 1506), range(60000, 60056)),
    *(range(61000, 61003), range(61500, 61503), range(71000, 71008), range(72000, 72002)),
    *(range(73000, 73002), range(74000, 74004), range(81000, 81004), range(81098, 81102)),
)
"""Where condor_commands.h has commands, and some beyond."""
PING = """
condor_ping -addr '{address}' -table {numbers} 2>/dev/null | awk '/ ALLOW / {{ print $1 }}'
"""


@pytest.fixture(scope="module")
def listeners(pool: Pool) -> dict[str, list[str]]:
    """The addresses of all that listens on each node while a job and a DAG run."""
    said = pool.exec(["sh", "-euc", JOBS, "sh", pool.node("execute-1").name])
    assert said.returncode == 0, said.stderr
    found: dict[str, list[str]] = {}

    def missing() -> str | None:
        if pool.exec(["sh", "-c", DAGMAN_LISTENS]).returncode != 0:
            return "DAGMan has not started yet"
        found.update({what: listening(pool, node) for what, node in NODES.items()})
        seen = {kind(address) for addresses in found.values() for address in addresses}
        return f"not seen: {KINDS - seen}" if KINDS - seen else None

    wait_until(missing, timeout_s=60)
    return found


def listening(pool: Pool, node: str) -> list[str]:
    """The addresses of all that listens on a node, other than on its loopback."""
    said = pool.exec(["sh", "-c", LISTENING], node=node, user="root").stdout
    host, *words = said.splitlines()
    name = pool.node(node).name
    sockets = [word.rpartition("/")[2] for word in words if "/" in word]
    ports = {int(word.rpartition(":")[2], 16) for word in words if "/" not in word}
    return [
        *(f"<{host}:9618?alias={name}&sock={socket}>" for socket in ("self", *sockets)),
        *(f"<{host}:{port}?alias={name}>" for port in sorted(ports)),
    ]


def kind(address: str) -> str:
    """``schedd`` of ``<…&sock=schedd_77_64e1>``; ``port`` where it is no daemon's behind 9618."""
    _, _, socket = address.strip("<>").partition("sock=")
    if re.match(r"slot\d", socket):
        return "starter"
    return re.sub(r"(_[0-9a-f]{1,6}){2,3}$", "", socket) or "port"


def granted(pool: Pool, listeners: dict[str, list[str]], token: str = "") -> dict[int, set[str]]:
    """The commands that somebody with this token may give, and at which nodes."""
    numbers = " ".join(str(number) for chunk in NUMBERS for number in chunk)
    found: dict[int, set[str]] = defaultdict(set)
    with attacker(pool, token) as somebody:
        for node, addresses in listeners.items():
            for address in addresses:
                said = somebody.run(PING.format(address=address, numbers=numbers), timeout_s=60)
                for number in said.stdout.split():
                    found[int(number)].add(node)
    return dict(found)


def documented(*headings: str) -> dict[int, set[str]]:
    """What the tables below these headings of the page say of the series that is tested."""
    series = catalogue().get(None).number
    said: dict[int, set[str]] = defaultdict(set)
    for heading in headings:
        _, _, below = PAGE.read_text("utf-8").partition(f"\n## {heading}\n")
        for line in below.partition("\n#")[0].splitlines():
            if numbers := COMMAND.findall(line):
                _, _, where, of_series, *_ = (cell.strip() for cell in line.split("|"))
                if series in of_series.split(", "):
                    for number in numbers:
                        said[int(number)] |= set(NODES) if where == "every node" else {where}
    return dict(said)


def test_open_to_everybody(pool: Pool, listeners: dict[str, list[str]]) -> None:
    """Somebody without a token may give the commands that the page lists, and no others."""
    assert granted(pool, listeners) == documented("Open to everybody")


@pytest.mark.slow
def test_open_to_an_execution_point(pool: Pool, listeners: dict[str, list[str]]) -> None:
    """With an execution point's token come those of two more lists, at the central manager only."""
    lists = ("Open to everybody", "Open to every token", "Open to an execution point")
    assert granted(pool, listeners, token_of(pool, "execute-1")) == documented(*lists)


@pytest.mark.slow
def test_open_to_a_user(pool: Pool, listeners: dict[str, list[str]]) -> None:
    """With a user's token come those of one more list, at the central manager only."""
    token = pool.members.create_token("jovyan", authorizations=["READ"]).secret.split()[0]
    lists = ("Open to everybody", "Open to every token")
    assert granted(pool, listeners, token) == documented(*lists)
