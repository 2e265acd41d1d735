"""The types of values in a scenario: points in time, durations, faults and submit commands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import core_schema

from condor_mini.base.errors import UsageError
from condor_mini.base.times import parse_seconds
from condor_mini.faults.catalogue import FAULTS, fault_named
from condor_mini.spec.base import shown
from condor_mini.spec.types import one_line

if TYPE_CHECKING:
    from condor_mini.faults.choices import Choice

_PERCENT = re.compile(r"(\d{1,2})\s*%", re.ASCII)
"""When all jobs have ended, there is nothing left to strike."""
DURATION_PATTERN = r"^(\d+(\.\d+)?(ms|[dhms]))+$"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When a step is due: after so many seconds, or when so many of the jobs have ended."""

    seconds: float | None = None
    """Since all jobs were submitted."""
    percent: int | None = None
    """Of the jobs."""

    @classmethod
    def parse(cls, value: object) -> Moment:
        """Return the moment that is written as ``30s``, ``1m30s`` or ``10%``.

        Raises:
            ValueError: It is none of these.
        """
        if isinstance(value, Moment):
            return value
        found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
        if found:
            return cls(percent=int(found[1]))
        return cls(seconds=_seconds(value, "a duration (30s, 1m30s) or a part of the jobs (10%)"))

    def __str__(self) -> str:
        return f"{self.percent} %" if self.seconds is None else f"{self.seconds:g} s"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Return how pydantic makes one."""
        del source, handler
        return core_schema.no_info_plain_validator_function(cls.parse)


def _seconds(value: object, wanted: str = "a duration: 500ms, 30s, 1m30s") -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    try:
        if isinstance(value, str):
            return parse_seconds(value)
    except UsageError:
        pass
    raise ValueError(f"must be {wanted}, not {shown(value)}")


def _duration(value: object) -> float:
    seconds = _seconds(value)
    if seconds == 0:
        raise ValueError("must be more than 0")
    return seconds


def _fault(value: str) -> str:
    try:
        return fault_named(value).name
    except UsageError as error:
        raise ValueError(error.message) from None


def _text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()  # as HTCondor writes it
    return str(value) if isinstance(value, int | float) else value


def _choice(value: object) -> Choice:
    match value:
        case bool():
            pass
        case str() | int() | float():
            return str(value)
        case list() if value and all(isinstance(item, str) for item in value):
            return value
    raise ValueError(f"must be text, a number, or a list of texts, not {shown(value)}")


_DURATION_FORMS = [
    {"type": "string", "pattern": DURATION_PATTERN},
    {"type": "number", "exclusiveMinimum": 0},
]
When = Annotated[
    Moment,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": rf"{DURATION_PATTERN}|^\d{{1,2}}\s*%$"},
                {"type": "number", "minimum": 0},
            ]
        }
    ),
]
Duration = Annotated[float, BeforeValidator(_duration), WithJsonSchema({"anyOf": _DURATION_FORMS})]
"""Seconds."""
FaultName = Annotated[
    str,
    AfterValidator(_fault),
    WithJsonSchema({"enum": sorted(FAULTS)}),
]
ClassAdText = Annotated[str, Field(min_length=1), AfterValidator(one_line)]
SubmitCommands = Mapping[
    str,
    Annotated[
        str,
        BeforeValidator(_text),
        AfterValidator(one_line),
        WithJsonSchema({"type": ["string", "number", "boolean"]}),
    ],
]
Options = Mapping[
    str,
    Annotated[
        Any,
        BeforeValidator(_choice),
        WithJsonSchema({"type": ["string", "number", "array"], "items": {"type": "string"}}),
    ],
]
