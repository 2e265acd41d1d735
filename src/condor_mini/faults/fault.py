"""What a fault is: what it strikes, what HTCondor does then, and what shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

EVERYWHERE = "docker, podman, embedded"
WITH_NETWORKS = "docker, podman"
"""Engines whose nodes have networks of their own."""
WITH_NAMESPACES = "docker, podman, embedded (with namespaces)"
"""PRoot, which the embedded engine uses without namespaces, lets stopped processes go on."""


class Strikes(StrEnum):
    """What a fault strikes, as the command line names it."""

    DAEMON = "NODE DAEMON"
    NODE = "NODE"
    NODES = "NODE..."
    JOBS = "JOBS"


@dataclass(frozen=True, kw_only=True)
class FaultOption:
    """What says how a fault strikes: an option of its command, an argument of its method."""

    name: str
    metavar: str
    what: str
    """What it does, as a help text says it."""
    required: bool = False
    many: bool = False
    """Whether it can be given several times."""
    least: float | None = None
    """The smallest number that it can be; None for what is no number."""
    most: float = math.inf
    whole: bool = False
    """Whether it is a whole number."""

    def to_json(self) -> dict[str, object]:
        """Return the option for programs: docs/reference/json.md."""
        return {"name": self.name, "required": self.required, "what": self.what}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault that can be made on purpose; ``actions.py`` has how."""

    name: str
    strikes: Strikes
    what: str
    """What is done, and what HTCondor does then."""
    seen: str
    """The events of job event logs, the attributes and the log lines that show it."""
    undone_by: str = ""
    """How it is undone; empty for a fault that is a moment."""
    stops_node: bool = False
    """Whether nothing of the node works while it is in force."""
    ends_node: bool = False
    """Whether the node does not run while it is in force."""
    removes_node: bool = False
    """Whether the node is not even there while it is in force."""
    outlives_node: bool = False
    """Whether it is in force again when its node has ended and is started."""
    concerns_all: bool = False
    """Whether all nodes of the pool have to recover when it is undone, and not only its own."""
    daemons: tuple[str, ...] = ()
    """The daemons that it can strike."""
    engines: str = EVERYWHERE
    options: tuple[FaultOption, ...] = ()

    @property
    def lasts(self) -> bool:
        """Whether it stays in force until it is undone."""
        return bool(self.undone_by)

    def to_json(self) -> dict[str, object]:
        """Return the fault for programs: docs/reference/json.md."""
        return {
            "name": self.name,
            "target": str(self.strikes),
            "daemons": list(self.daemons),
            "what": self.what,
            "seen": self.seen,
            "lasts": self.lasts,
            "undone_by": self.undone_by or None,
            "engines": self.engines,
            "options": [option.to_json() for option in self.options],
        }
