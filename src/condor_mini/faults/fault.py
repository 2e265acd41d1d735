"""What a fault is: what it strikes, what HTCondor does then, and what shows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

EVERYWHERE = "docker, podman, embedded"
WITH_NAMESPACES = "docker, podman, embedded (with namespaces)"
"""PRoot, which the embedded engine uses without namespaces, lets stopped processes go on."""


class Strikes(StrEnum):
    """What a fault strikes, as the command line names it."""

    DAEMON = "NODE DAEMON"
    NODE = "NODE"
    JOBS = "JOBS"


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
    daemons: tuple[str, ...] = ()
    """The daemons that it can strike."""
    engines: str = EVERYWHERE

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
        }
