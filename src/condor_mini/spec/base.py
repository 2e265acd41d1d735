"""What all parts of a spec have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema

Location = tuple[str | int, ...]
"""The keys and indices that lead to a value."""

MOST_SHOWN = 60
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a spec is read; the ``context`` of pydantic's validation."""

    base: Path | None = None
    """What the host's relative paths are relative to; they must exist then."""
    stored: bool = False
    """Whether it was checked when it was stored: then it is not checked against the present."""


class Contradictions(ValueError):
    """Values that are each right, but not together: where, and what is wrong."""

    def __init__(self, found: list[tuple[Location, str]]) -> None:
        super().__init__("; ".join(message for _, message in found))
        self.found = tuple(found)


class Part(BaseModel):
    """A mapping of a pool file. It is frozen, strict about types, and takes no unknown key."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """Where values that are each right are wrong together, and what is wrong."""
        yield from ()

    @model_validator(mode="after")
    def _is_consistent(self, info: ValidationInfo) -> Self:
        if not reading(info).stored and (found := list(self.contradictions())):
            raise Contradictions(found)
        return self


class ShortForm:
    """Says in the JSON schema that a value may also be written in these ways."""

    def __init__(self, *schemas: dict[str, object]) -> None:
        self._schemas = schemas

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, object]:
        return {"anyOf": [*self._schemas, handler(core_schema)]}


def reading(info: ValidationInfo) -> Reading:
    """How the spec that is being validated is read."""
    return info.context if isinstance(info.context, Reading) else Reading()


def shown(value: object) -> str:
    """A value in a message: at most a line, and nothing that a terminal would obey."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case str():
            return repr(value if len(value) <= MOST_SHOWN else f"{value[:MOST_SHOWN]}...")
    return str(value)[:MOST_SHOWN]


def shown_path(path: Location) -> str:
    """``execution_points[0].count``; a key that is no identifier as ``labels['a b']``."""
    parts = (
        f".{part}" if isinstance(part, str) and _IDENTIFIER.fullmatch(part) else f"[{part!r}]"
        for part in path
    )
    return "".join(parts).removeprefix(".")
