"""The reference of the pool file's keys, made from its schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from website.links import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = ROOT / "docs/pool.schema.json"
PLACES = {
    "CentralManager": "`central_manager`",
    "AccessPoints": "A group of `access_points`",
    "ExecutionPoints": "A group of `execution_points`",
    "Gpus": "`gpus`",
    "Limit": "`limit`",
    "Port": "An entry of `ports`",
    "Shared": "`shared`",
    "Volume": "An entry of `volumes`",
}
"""Where each part of the schema stands in a pool file."""
_TYPES = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "`true` or `false`",
    "object": "mapping",
    "array": "list",
}


def keys() -> str:
    """Return a section with every key of the pool file, in Markdown."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    return "\n".join(
        [
            "## Every key",
            "",
            "### At the top",
            "",
            *_table(schema),
            *(line for name, part in _parts(schema) for line in _section(name, part)),
        ]
    )


def _parts(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the parts in our order, then those that are new."""
    parts = schema["$defs"]
    for name in [*PLACES, *(name for name in parts if name not in PLACES)]:
        yield name, parts[name]


def _section(name: str, part: dict[str, Any]) -> Iterator[str]:
    yield from ("", f"### {PLACES.get(name, name)}", "", part.get("description", ""), "")
    yield from _table(part)


def _table(part: dict[str, Any]) -> Iterator[str]:
    yield from ("| key | value | meaning |", "|---|---|---|")
    needed = part.get("required", ())
    for key, value in part["properties"].items():
        meaning = [_cell(value.get("description", ""))]
        if key in needed:
            meaning.append("Required.")
        elif value.get("default") is not None:
            meaning.append(f"Default: `{json.dumps(value['default'])}`.")
        yield f"| `{key}` | {kind(value)} | {' '.join(meaning).strip()} |"


def kind(value: dict[str, Any]) -> str:
    """Return what a value of a key can be, in words."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        place = PLACES.get(name, name)
        return f"[{place[0].lower()}{place[1:]}](#{_anchor(place)})"
    if "anyOf" in value:
        kinds = [kind(each) for each in value["anyOf"] if each.get("type") != "null"]
        return ", or ".join(dict.fromkeys(kinds))
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        return ", ".join(f"`{json.dumps(each)}`" for each in value["enum"])
    if value.get("type") == "array":
        return f"list; each is {kind(value['items'])}"
    if isinstance(value.get("type"), list):
        return " or ".join(_TYPES[each] for each in value["type"])
    return _TYPES[value["type"]] + _bounds(value)


def _anchor(title: str) -> str:
    return title.replace("`", "").replace(" ", "-").lower()


def _bounds(value: dict[str, Any]) -> str:
    """Return the bounds of a number in words."""
    least, most = value.get("minimum"), value.get("maximum")
    if least is not None and most is not None:
        return f" from {least} to {most}"
    if least is not None:
        return f", at least {least}"
    if (above := value.get("exclusiveMinimum")) is not None:
        return f" above {above}"
    return "" if most is None else f", at most {most}"


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("<", r"\<").replace("*", r"\*")
