"""What `condor-mini doctor` finds, one thing at a time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """It works, but worse than it could, or it will not work for long."""
    FAIL = "fail"
    """It does not work."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    """What: ``engine``, ``name look-ups``, ``node ci-execute-1``."""
    level: Level
    evidence: str
    """What was seen."""
    hint: str | None = None
    """What to do about it."""

    def to_json(self) -> dict[str, str | None]:
        """For programs: docs/reference/json.md."""
        return asdict(self)


def ok(subject: str, evidence: str) -> Finding:
    """All is well."""
    return Finding(subject=subject, level=Level.OK, evidence=evidence)


def warn(subject: str, evidence: str, hint: str | None = None) -> Finding:
    """It could be better."""
    return Finding(subject=subject, level=Level.WARN, evidence=evidence, hint=hint)


def fail(subject: str, evidence: str, hint: str | None = None) -> Finding:
    """It does not work."""
    return Finding(subject=subject, level=Level.FAIL, evidence=evidence, hint=hint)
