"""The debug levels of the daemons of a running pool: HTCondor's ``<SUBSYS>_DEBUG``.

The levels are in a file of the node's ``config.d``, so they stay in force after a restart.
``condor_reconfig`` makes the daemons read that file. The user's own files ``80-*`` and ``90-*``
override it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import UsageError
from condor_mini.base.layout import CONFIG_DIRECTORY
from condor_mini.base.parallel import each
from condor_mini.lifecycle import own_config
from condor_mini.nodes.node import Role
from condor_mini.reports.logs import known_daemon

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from condor_mini.nodes.node import Node

FILE = f"{CONFIG_DIRECTORY}/70-debug"
RUNS_ON = {
    "master": tuple(Role),
    "shared_port": tuple(Role),
    "collector": (Role.CENTRAL_MANAGER,),
    "negotiator": (Role.CENTRAL_MANAGER,),
    "schedd": (Role.ACCESS_POINT,),
    "shadow": (Role.ACCESS_POINT,),
    "startd": (Role.EXECUTION_POINT,),
    "starter": (Role.EXECUTION_POINT,),
}
"""The roles that run each daemon with a debug level. ``condor_procd`` has no debug level."""
_FLAGS = (
    *("ACCOUNTANT", "ALL", "ALWAYS", "ANY", "AUDIT", "BACKTRACE", "CAT", "CATEGORY", "COMMAND"),
    *("CONFIG", "CRON", "DAEMONCORE", "ERROR", "FDS", "FULLDEBUG", "HOSTNAME", "IDENT", "IDLE"),
    *("JOB", "KEYBOARD", "LEVEL", "LOAD", "MACHINE", "MATCH", "MATERIALIZE", "NETWORK"),
    *("PERF_TRACE", "PID", "PRIV", "PROCFAMILY", "PROTOCOL", "SECURITY", "STATS", "STATUS"),
    *("SUB_SECOND", "SYSCALLS", "TEST", "THREADS", "TIMESTAMP", "ZKM"),
)
"""HTCondor's flags without ``D_``, in 23 and 25.

HTCondor's manual, "Daemon Logging Configuration File Entries".
"""
_FLAG = re.compile(r"-?D_([A-Z_]+)(:[0-2])?")
_KNOB = re.compile(r"^([A-Z_]+)_DEBUG = (.*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class DebugLevel:
    """The debug level that was set for one daemon on one node."""

    node: str
    """Name of the node."""
    daemon: str
    """Name of the daemon: ``schedd``."""
    level: str
    """``D_FULLDEBUG``; several flags are separated by spaces."""

    def to_json(self) -> dict[str, str]:
        """Return the level for programs: docs/reference/json.md."""
        return {"node": self.node, "daemon": self.daemon, "level": self.level}


def levels(nodes: Iterable[Node]) -> list[DebugLevel]:
    """Return the levels that were set on these nodes, sorted by node, then by daemon.

    Raises:
        PoolNotReady: A node does not run.
    """
    found = each(lambda node: (node.name, _read(node)), nodes)
    return [
        DebugLevel(node=name, daemon=daemon, level=level)
        for name, by_daemon in found
        for daemon, level in sorted(by_daemon.items())
    ]


def set_levels(nodes: Sequence[Node], wanted: Mapping[str, str | None]) -> None:
    """Set levels on these nodes. Each node takes the levels of the daemons that it runs.

    Args:
        nodes: Nodes that run.
        wanted: Levels by daemon name; None for HTCondor's own level. A shadow or a starter takes
            its level with the next job.

    Raises:
        UsageError: There is no such daemon or level, or none of the nodes runs the daemon.
        PoolNotReady: A node does not run.
    """
    checked = {_daemon(name): level and _level(level) for name, level in wanted.items()}
    for daemon in checked:
        if not any(_runs(node, daemon) for node in nodes):
            raise UsageError(f"no {daemon} runs on {', '.join(node.name for node in nodes)}")
    concerned = [node for node in nodes if any(_runs(node, name) for name in checked)]

    def apply(node: Node) -> None:
        changes = {name: level for name, level in checked.items() if _runs(node, name)}
        now = {name: level for name, level in {**_read(node), **changes}.items() if level}
        _write(node, now)

    each(apply, concerned)


def reset(nodes: Sequence[Node]) -> None:
    """Reset all daemons of these nodes to HTCondor's own levels.

    Raises:
        PoolNotReady: A node does not run.
    """
    each(lambda node: _write(node, {}), nodes)


def _runs(node: Node, daemon: str) -> bool:
    return any(map(node.role.acts_as, RUNS_ON[daemon]))


def rendered(levels: Mapping[str, str]) -> str:
    """Return the text of the ``config.d`` file that sets these levels."""
    knobs = [f"{daemon.upper()}_DEBUG = {level}\n" for daemon, level in sorted(levels.items())]
    return "".join(["# condor-mini debug\n", *knobs])


def _daemon(name: str) -> str:
    daemon = known_daemon(name)
    if daemon not in RUNS_ON:
        raise UsageError(f"{name} has no debug level; these daemons have: {', '.join(RUNS_ON)}")
    return daemon


def _level(text: str) -> str:
    flags = re.split(r"[\s,|]+", text.strip())
    for flag in flags:
        found = _FLAG.fullmatch(flag)
        if found is None or found[1] not in _FLAGS:
            raise UsageError(
                f"{flag!r} is not a debug level of HTCondor",
                hint="D_FULLDEBUG logs the most. D_SECURITY, D_NETWORK, D_COMMAND, D_JOB and "
                "D_MATCH log one subject each; add :2 for all of it. "
                "Give several in quotes: 'D_FULLDEBUG D_SECURITY'",
            )
    return " ".join(flags)


def _read(node: Node) -> dict[str, str]:
    found = _KNOB.findall(own_config.read(node, FILE))
    return {daemon.lower(): level for daemon, level in found}


def _write(node: Node, levels: Mapping[str, str]) -> None:
    own_config.write(node, FILE, rendered(levels))
