"""``TimelineEntry``: one thing that happened in a pool, as a line of JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from condor_mini.base.errors import StateError
from condor_mini.base.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
"""Version of the format. A reader takes what has its own version, and ignores unknown keys."""
STAMP_LENGTH = len('{"time": "2026-11-21T09:40:28.123456Z"')
"""Each line begins with its time, in so many characters: lines in order are in order of time."""


class EntryKind(StrEnum):
    """What an entry is about."""

    BEGIN = "begin"
    """The recording begins: ``data`` has the version of the format, the pool and its nodes."""
    EVENT = "event"
    """HTCondor has written a job event: ``data`` is its ClassAd."""
    JOB = "job"
    """The ad of a job has changed since the last look at the queue."""
    SLOT = "slot"
    """The ad of a slot has changed since the last look at the collector."""
    NODE = "node"
    """The engine has another state of a node, or has got or lost it."""
    LOG = "log"
    """A daemon has written a line."""
    FAULT = "fault"
    """A fault was made or undone: ``data["phase"]`` is ``begin``, ``end`` or ``moment``."""
    MISSING = "missing"
    """Something cannot be read, or can be read again: ``phase`` is ``begin`` or ``end``."""
    END = "end"
    """The recording ends: ``data`` has the number of entries of each kind."""


@dataclass(frozen=True, kw_only=True)
class TimelineEntry:
    """One thing that happened in a pool."""

    time: datetime
    """In UTC. When HTCondor wrote the event, when the engine received the line of a log, when a
    fault was made; for what is found by looking, when the look was over."""
    kind: EntryKind
    text: str
    """In words, one line."""
    node: str | None = None
    """Name of the node: of a job's event or ad, its access point."""
    job: str | None = None
    """The job's id: ``3.0``."""
    slot: str | None = None
    """The slot's name: ``slot1_1@ci-execute-1.nodes.internal``."""
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that docs/reference/json.md describes, without secrets."""
        return {
            "time": stamp(self.time),
            "kind": str(self.kind),
            "node": self.node,
            "job": self.job,
            "slot": self.slot,
            "text": redact(self.text),
            "data": _redacted(self.data),
        }

    def line(self) -> str:
        """Return the entry as a line of a timeline."""
        return json.dumps(self.to_json(), ensure_ascii=False) + "\n"


def entry_of(line: str) -> TimelineEntry:
    """Return the entry that a line of a timeline is.

    Raises:
        StateError: It is none, or of a kind that this version does not know.
    """
    try:
        found = json.loads(line)
        return TimelineEntry(
            time=datetime.fromisoformat(found["time"]).astimezone(UTC),
            kind=EntryKind(found["kind"]),
            text=found["text"],
            node=found["node"],
            job=found["job"],
            slot=found["slot"],
            data=found["data"],
        )
    except (ValueError, KeyError, TypeError):
        raise StateError(f"this is no line of a timeline: {line[:80]!r}") from None


def stamp(time: datetime) -> str:
    """Return a time as entries have it, always with as many digits."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _redacted(value: Any) -> Any:  # noqa: ANN401 (whatever JSON can say)
    # The texts one by one: in JSON as a whole, a secret's end may take a quote with it.
    match value:
        case str():
            return redact(value)
        case dict():
            return {key: _redacted(item) for key, item in value.items()}
        case list() | tuple():
            return [_redacted(item) for item in value]
    return value
