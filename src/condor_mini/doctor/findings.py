"""A finding, the unit of the report of `condor-mini doctor`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    """It works."""
    WARN = "warn"
    """It works, but not as well as it could, or not for long."""
    FAIL = "fail"
    """It does not work."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check."""

    subject: str
    """What was checked: ``engine``, ``name servers``, ``node ci-execute-1``."""
    level: Level
    evidence: str
    """What the check found."""
    hint: str | None = None
    """What to do about it; None if there is nothing to do."""

    def to_json(self) -> dict[str, str | None]:
        """Return the JSON object that docs/reference/json.md describes."""
        return asdict(self)


def ok(subject: str, evidence: str) -> Finding:
    """Return a finding of level OK."""
    return Finding(subject=subject, level=Level.OK, evidence=evidence)


def warn(subject: str, evidence: str, hint: str | None = None) -> Finding:
    """Return a finding of level WARN."""
    return Finding(subject=subject, level=Level.WARN, evidence=evidence, hint=hint)


def fail(subject: str, evidence: str, hint: str | None = None) -> Finding:
    """Return a finding of level FAIL."""
    return Finding(subject=subject, level=Level.FAIL, evidence=evidence, hint=hint)
