"""What each daemon of a pool that runs writes into its log: HTCondor's ``<SUBSYS>_DEBUG``.

The levels stand in a file of the node's ``config.d``, so that they hold after a restart too;
``condor_reconfig`` lets the daemons read it. The user's own ``80-*`` and ``90-*`` win over it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, UsageError
from condor_mini.base.layout import CONFIG_DIRECTORY
from condor_mini.base.parallel import each
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
"""Where the daemons are that have a debug level; ``condor_procd`` has none."""
_FLAGS = (
    *("ACCOUNTANT", "ALL", "ALWAYS", "ANY", "AUDIT", "BACKTRACE", "CAT", "CATEGORY", "COMMAND"),
    *("CONFIG", "CRON", "DAEMONCORE", "ERROR", "FDS", "FULLDEBUG", "HOSTNAME", "IDENT", "IDLE"),
    *("JOB", "KEYBOARD", "LEVEL", "LOAD", "MACHINE", "MATCH", "MATERIALIZE", "NETWORK"),
    *("PERF_TRACE", "PID", "PRIV", "PROCFAMILY", "PROTOCOL", "SECURITY", "STATS", "STATUS"),
    *("SUB_SECOND", "SYSCALLS", "TEST", "THREADS", "TIMESTAMP", "ZKM"),
)
"""HTCondor's, in 23 and 25: manual, "Daemon Logging Configuration File Entries"."""
_FLAG = re.compile(r"-?D_([A-Z_]+)(:[0-2])?")
_KNOB = re.compile(r"^([A-Z_]+)_DEBUG = (.*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class DebugLevel:
    """A daemon that has another debug level than HTCondor gives it."""

    node: str
    daemon: str
    """``schedd``."""
    level: str
    """``D_FULLDEBUG``; several flags with spaces."""

    def to_json(self) -> dict[str, str]:
        """For programs: docs/reference/json.md."""
        return {"node": self.node, "daemon": self.daemon, "level": self.level}


def levels(nodes: Iterable[Node]) -> list[DebugLevel]:
    """The levels that were set on these nodes, which run; by node, then by daemon.

    Raises:
        PoolNotReady: A node does not run.
    """
    found = each(lambda node: (node.name, _read(node)), nodes)
    return [
        DebugLevel(node=name, daemon=daemon, level=level)
        for name, of_node in found
        for daemon, level in sorted(of_node.items())
    ]


def set_levels(nodes: Sequence[Node], wanted: Mapping[str, str | None]) -> None:
    """Set levels on these nodes, of which each takes those of its own daemons.

    Args:
        nodes: They run.
        wanted: By the daemon's name; None for the level that HTCondor gives it. A shadow or a
            starter has it from its next job on.

    Raises:
        UsageError: There is no such daemon or level, or no node here runs the daemon.
        PoolNotReady: A node does not run.
    """
    checked = {_daemon(name): level and _level(level) for name, level in wanted.items()}
    for daemon in checked:
        if not any(node.role in RUNS_ON[daemon] for node in nodes):
            raise UsageError(f"no {daemon} runs on {', '.join(node.name for node in nodes)}")
    concerned = [node for node in nodes if any(node.role in RUNS_ON[name] for name in checked)]

    def apply(node: Node) -> None:
        changes = {name: level for name, level in checked.items() if node.role in RUNS_ON[name]}
        now = {name: level for name, level in {**_read(node), **changes}.items() if level}
        _write(node, now)

    each(apply, concerned)


def reset(nodes: Sequence[Node]) -> None:
    """Give all daemons of these nodes, which run, the levels that HTCondor gives them."""
    each(lambda node: _write(node, {}), nodes)


def rendered(levels: Mapping[str, str]) -> str:
    """The file of ``config.d`` that says so."""
    knobs = [f"{daemon.upper()}_DEBUG = {level}\n" for daemon, level in sorted(levels.items())]
    return "".join(["# condor-mini debug\n", *knobs])


def _daemon(name: str) -> str:
    daemon = known_daemon(name)
    if daemon not in RUNS_ON:
        raise UsageError(f"{name} has no debug level; these have: {', '.join(RUNS_ON)}")
    return daemon


def _level(text: str) -> str:
    flags = re.split(r"[\s,|]+", text.strip())
    for flag in flags:
        found = _FLAG.fullmatch(flag)
        if found is None or found[1] not in _FLAGS:
            raise UsageError(
                f"{flag!r} is no debug level of HTCondor's",
                hint="D_FULLDEBUG says the most of what happens; D_SECURITY, D_NETWORK, D_COMMAND, "
                "D_JOB, D_MATCH one thing each, with :2 in full. Several: 'D_FULLDEBUG D_SECURITY'",
            )
    return " ".join(flags)


def _read(node: Node) -> dict[str, str]:
    said = node.exec(["cat", FILE], user="root")
    if said.returncode != 0:  # none was ever set
        return {}
    return {daemon.lower(): level for daemon, level in _KNOB.findall(said.stdout)}


def _write(node: Node, levels: Mapping[str, str]) -> None:
    for argv, stdin in (["tee", FILE], rendered(levels)), (["condor_reconfig"], None):
        said = node.exec(argv, user="root", stdin=stdin)
        if said.returncode != 0:
            raise CommandFailed(said.argv, said.returncode, said.stderr or said.stdout)
