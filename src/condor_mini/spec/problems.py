"""The problems of a spec: pydantic's errors, reworded for the author of a pool file."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, get_args

from condor_mini.spec.base import Contradictions, Location, Part, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails


@dataclass(frozen=True, kw_only=True)
class SpecProblem:
    """A problem of a spec, and the keys that lead to it."""

    location: Location
    message: str
    is_key: bool
    """Whether the key is wrong, not its value."""
    is_missing: bool
    """Whether the last key of the location is missing."""


def spec_problems(model: type[Part], error: ValidationError) -> Iterator[SpecProblem]:
    """Yield the problems that a validation of ``model`` found."""
    for detail in error.errors():
        location = detail["loc"]
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, Contradictions):
            for place, message in cause.found:
                yield SpecProblem(
                    location=(*location, *place), message=message, is_key=False, is_missing=False
                )
            continue
        is_key = location[-1:] == ("[key]",)
        yield SpecProblem(
            location=location[:-1] if is_key else location,
            message=_message(model, detail),
            is_key=is_key or detail["type"] == "extra_forbidden",
            is_missing=detail["type"] == "missing",
        )


_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "mapping_type": "a mapping of keys to values",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
}
"""The expected kind of value, by the type of pydantic's error."""


def _message(model: type[Part], detail: ErrorDetails) -> str:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return f"the key {detail['loc'][-1]} is missing"
    if kind == "extra_forbidden":
        return _unknown_key(model, detail["loc"])
    if value is None and kind != "value_error":
        return "is empty: give it a value, or leave the key out"
    if kind in _WANTED:
        quotes = kind == "string_type" and isinstance(value, int | float)
        hint = "; write it in quotes" if quotes else ""
        return f"must be {_WANTED[kind]}, not {shown(value)}{hint}"
    match kind:
        case "greater_than_equal":
            return f"must be at least {context['ge']}, not {shown(value)}"
        case "greater_than":
            return f"must be more than {context['gt']}, not {shown(value)}"
        case "less_than_equal":
            return f"must be at most {context['le']}, not {shown(value)}"
        case "literal_error":
            return f"must be {context['expected']}, not {shown(value)}"
        case "value_error":
            return str(context["error"])
    return detail["msg"][:1].lower() + detail["msg"][1:]


def _unknown_key(model: type[Part], location: Location) -> str:
    parent: type[Part] | None = model
    for part in location[:-1]:
        if isinstance(part, str) and parent is not None:
            parent = _keys(parent).get(part)
    known = list(_keys(parent)) if parent is not None else []
    near = get_close_matches(str(location[-1]).lower(), known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
    return f"there is no such key: {hint}"


def _keys(model: type[Part]) -> dict[str, type[Part] | None]:
    """Return the keys of a model, each with the model of its values."""
    return {
        field.alias or name: next(_parts(field.annotation), None)
        for name, field in model.model_fields.items()
    }


def _parts(annotation: object) -> Iterator[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for argument in get_args(annotation):
        yield from _parts(argument)
