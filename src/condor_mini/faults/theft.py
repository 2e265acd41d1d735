"""A fault of tokens: one that is stolen, and used by the thief until it is revoked."""

from __future__ import annotations

import re
import time
from importlib import resources
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, CondorMiniError
from condor_mini.faults.action import Action, Target, run
from condor_mini.faults.security import give, manager_of, own_token
from condor_mini.members.membership import Members
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from condor_mini.engine import CommandResult
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

TIMEOUT_S = 30.0
KEEP = 'umask 077 && mkdir -p "$1" && cat >"$1/token"'
"""Keeps the token that is on standard input: it is in no argument of a process."""
_REFUSAL = re.compile("AUTHENTICATE:|DENIED")
_ELSEWHERE = "CollectorLog says why"
"""condor_advertise does not."""
NOWHERE = "<192.0.2.1:9618>"
"""An address of which RFC 5737 says that nobody has it."""
_KEPT = "ClassAdLifetime = 86400"
"""The collector keeps the ad for a day: nobody advertises it again."""
_ADS = {
    Role.EXECUTION_POINT: (
        "UPDATE_STARTD_AD",
        *('Name = "slot1@{thief}"', 'MyType = "Machine"', 'StartdIpAddr = "{nowhere}"'),
        *("SlotID = 1", "Cpus = 64", "Memory = 65536", "Disk = 1000000000", "CondorLoadAvg = 0.0"),
        *('OpSys = "LINUX"', 'Arch = "X86_64"', 'State = "Owner"', 'Activity = "Idle"'),
        "EnteredCurrentActivity = {now}",
        # No job is sent there, and lost.
        *("Start = false", "Requirements = false"),
    ),
    Role.ACCESS_POINT: (
        "UPDATE_SCHEDD_AD",
        *('Name = "{thief}"', 'MyType = "Scheduler"', 'ScheddIpAddr = "{nowhere}"'),
        *("NumUsers = 0", "TotalRunningJobs = 0", "TotalIdleJobs = 0", "TotalHeldJobs = 0"),
    ),
}
"""The command by which each role advertises itself, and what a thief advertises by it."""


def thief_of(node: Node) -> str:
    """Return the name of the machine that whoever has stolen a node's token makes up."""
    return f"thief-of-{node.name}"


def _place(node: Node) -> str:
    return f"/run/condor-mini/{thief_of(node)}"


def _look(target: Target) -> str:
    """Return the id of the node's token, and the node on which the thief is at work."""
    token, _ = own_token(target)
    others = [node for node in target.pool.reached_nodes if node.name != target.node.name]
    manager = manager_of(target.pool)
    seats = [node for node in others if node.is_running and node.name != manager.name]
    return f"{token} {(seats or [manager])[0].name}"


def _steal(target: Target, found: str) -> None:
    node = target.node
    seat = target.pool.node(found.split()[1])
    _, file = own_token(target)
    secret = run(node, "cat", file)
    run(seat, "sh", "-c", KEEP, "sh", _place(node), stdin=secret)
    advertised = _advertise(seat, node, node.role)
    if advertised.returncode != 0:
        raise CommandFailed(advertised.argv, advertised.returncode, advertised.stderr)
    name = thief_of(node)
    _tell(target, f"advertises {name} as another {node.role.words}", advertised)
    [other] = _ADS.keys() - {node.role}
    _tell(target, f"advertises {name} as an {other.words}", _advertise(seat, node, other))
    _ask_for_queues(target, seat)


def _advertise(seat: Node, node: Node, role: Role) -> CommandResult:
    """Let the thief advertise a machine that does not exist, in a role."""
    thief = thief_of(node)
    command, *attributes = _ADS[role]
    lines = [f'Machine = "{thief}"', f'MyAddress = "{NOWHERE}"', _KEPT]
    known = {"thief": thief, "nowhere": NOWHERE, "now": round(time.time())}
    lines += [line.format(**known) for line in attributes]
    return _run(seat, "advertise", _place(node), command, *lines)


def _tell(target: Target, what: str, result: CommandResult) -> None:
    """Say what the thief does, and what comes of it in HTCondor's words."""
    words = [line.strip() for line in result.stderr.splitlines() if _REFUSAL.search(line)]
    came = "let in" if result.returncode == 0 else f"refused: {(words or [_ELSEWHERE])[0]}"
    target.progress.note(f"The thief of {target.node.name}'s token {what}: {came}")


def _ask_for_queues(target: Target, seat: Node) -> None:
    """Let the thief ask each access point for its jobs."""
    for other in target.pool.reached_nodes:
        if not other.is_running or not other.role.acts_as(Role.ACCESS_POINT):
            continue
        argv = ["condor_status", "-schedd", "-af", "MyAddress", "-constraint"]
        address = run(other, *argv, f'CondorMiniNode == "{other.name}"').strip()
        if not address:
            continue
        asked = _run(seat, "queue", _place(target.node), address)
        _tell(target, f"asks {other.name} for its queue", asked)


def _lock_out(pool: PoolNodes, node: Node, found: str) -> None:
    """Give the node another token, revoke the stolen one, and see the thief refused."""
    token, name = found.split()
    give(pool, [node])
    # The collector is started again: it forgets who is let in, and what the thief has advertised.
    Members(pool.existing_nodes).revoke([token], force=True)
    seats = [other for other in pool.reached_nodes if other.name == name and other.is_running]
    for seat in seats:
        if _run(seat, "has", _place(node)).returncode == 0:
            if _advertise(seat, node, node.role).returncode == 0:
                raise CondorMiniError(f"the stolen token of {node.name} is revoked, and still good")
            _run(seat, "forget", _place(node))


def _run(seat: Node, *words: str) -> CommandResult:
    script = (resources.files(__package__) / "theft.sh").read_text("utf-8")
    return seat.exec(["sh", "-s", *words], user="root", stdin=script, timeout_s=TIMEOUT_S)


ACTIONS = {"steal-token": Action(look=_look, strike=_steal, undo=_lock_out)}
