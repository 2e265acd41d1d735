"""The base class of all parts of a spec, and how messages show values and paths."""

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
"""Characters of a value that a message repeats."""
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The way in which a spec is read; the ``context`` of pydantic's validation."""

    base: Path | None = None
    """Directory that relative paths of the host are relative to.

    If it is given, paths of the host must exist.
    """
    stored: bool = False
    """Whether the spec was validated when it was stored.

    If so, it is not checked again for contradictions or for known series.
    """


class Contradictions(ValueError):
    """Values that are each valid, but contradict each other; has their locations and messages."""

    def __init__(self, found: list[tuple[Location, str]]) -> None:
        super().__init__("; ".join(message for _, message in found))
        self.found = tuple(found)


class Part(BaseModel):
    """A mapping of a pool file. It is frozen, strict about types, and accepts no unknown keys."""

    # A command reads few of the parts: the validators of the others need not be made.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """Yield location and message for valid values that contradict each other."""
        yield from ()

    @model_validator(mode="after")
    def _is_consistent(self, info: ValidationInfo) -> Self:
        if not reading(info).stored and (found := list(self.contradictions())):
            raise Contradictions(found)
        return self


class ShortForm:
    """Annotation that adds short forms of a value to the JSON schema.

    With ``item``, one item of a list is such a form.
    """

    def __init__(self, *schemas: dict[str, object], item: bool = False) -> None:
        self._schemas = schemas
        self._item = item

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, object]:
        schema = handler(core_schema)
        items = [schema["items"]] if self._item else []
        return {"anyOf": [*self._schemas, *items, schema]}


def reading(info: ValidationInfo) -> Reading:
    """Return the way in which the spec that is being validated is read."""
    return info.context if isinstance(info.context, Reading) else Reading()


def shown(value: object) -> str:
    """Return a value for a message: at most one line, without control characters."""
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
    """Return a location as text: ``execution_points[0].count``, or ``labels['a b']``."""
    parts = (
        f".{part}" if isinstance(part, str) and _IDENTIFIER.fullmatch(part) else f"[{part!r}]"
        for part in path
    )
    return "".join(parts).removeprefix(".")
