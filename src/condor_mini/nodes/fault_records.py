"""The record of a fault in force: labels of a volume of the pool, which is empty.

Labels of a container cannot be changed, so a fault has a volume of its own. ``delete`` removes it
with the pool. The values have no comma and no quote: not every engine takes them in a label.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from condor_mini.base.layout import LABEL
from condor_mini.base.times import rfc3339
from condor_mini.nodes.node import Malformed, label_value, pool_labels, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = {f"{LABEL}.journal": "fault"}
"""Label by which an engine finds these volumes."""


@dataclass(frozen=True, kw_only=True)
class FaultHolder:
    """The process that undoes a fault at its end."""

    host: str
    pid: int
    started: str
    """When the process was started, as its host says it."""
    space: str
    """The boot of the host and the PID namespace that the PID is of; empty where unknown."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True, kw_only=True)
class FaultRecord:
    """A fault in force, and what is needed to undo it."""

    volume: str
    """Name of the volume that is the record."""
    mark: str
    """What distinguishes it from another record of that name."""
    pool: str
    fault: str
    """Name of the fault: ``freeze``."""
    target: str
    """What it strikes: ``ci-execute-1/startd``, ``ci-execute-1``."""
    undo: str
    """What the fault needs to be undone, in its own words."""
    since: datetime
    until: datetime | None = None
    """When it is to be undone; None for no time."""
    holder: FaultHolder | None = None
    """Who undoes it; None for nobody: it stays until it is healed."""

    def __str__(self) -> str:
        return f"{self.fault} {self.target}"

    @property
    def node(self) -> str:
        """Name of the node that it strikes."""
        return self.target.partition("/")[0]

    @property
    def daemon(self) -> str:
        """Name of the daemon that it strikes; empty for a whole node."""
        return self.target.partition("/")[2]

    def labels(self) -> dict[str, str]:
        """Return the labels of its volume."""
        found = {
            "fault": self.fault,
            "fault-id": self.mark,
            "fault-target": self.target,
            "fault-since": rfc3339(self.since),
            "fault-undo": self.undo,
        }
        if self.until:
            found["fault-until"] = rfc3339(self.until)
        if held := self.holder:
            found |= {
                "fault-host": held.host,
                "fault-pid": str(held.pid),
                "fault-pid-started": held.started,
                "fault-pid-space": held.space,
            }
        ours = {f"{LABEL}.{key}": value for key, value in found.items() if value}
        return {**pool_labels(self.pool), **MARK, **ours}


def fault_record(volume: str, labels: Mapping[str, str]) -> FaultRecord:
    """Return the fault that a volume records.

    Raises:
        Malformed: It records none, or a label is missing or not understood.
    """
    if not MARK.items() <= labels.items():
        raise Malformed("it records no fault")
    until = labels.get(f"{LABEL}.fault-until")
    return FaultRecord(
        volume=volume,
        mark=label_value(labels, "fault-id"),
        pool=label_value(labels, "pool"),
        fault=label_value(labels, "fault"),
        target=label_value(labels, "fault-target"),
        undo=labels.get(f"{LABEL}.fault-undo", ""),
        since=_time(label_value(labels, "fault-since")),
        until=_time(until) if until else None,
        holder=_holder(labels),
    )


def _holder(labels: Mapping[str, str]) -> FaultHolder | None:
    if not (host := labels.get(f"{LABEL}.fault-host")):
        return None
    if not (pid := label_value(labels, "fault-pid")).isdecimal():
        raise Malformed(f"its label {LABEL}.fault-pid is {shown(pid)}, which is no number")
    return FaultHolder(
        host=host,
        pid=int(pid),
        started=labels.get(f"{LABEL}.fault-pid-started", ""),
        space=labels.get(f"{LABEL}.fault-pid-space", ""),
    )


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed(f"a label of its times is {shown(text)}, which is no time") from None
