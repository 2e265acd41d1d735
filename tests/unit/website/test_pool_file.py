"""The reference of the pool file's keys is the schema in words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from website.pool_file import SCHEMA, keys, kind


def test_every_key() -> None:
    """Each key of the schema is in a table, with what the schema says of it."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    sections = keys().split("\n### ")[1:]
    parts = [schema, *schema["$defs"].values()]
    assert len(sections) == len(parts)
    for part in parts:
        rows = [f"| `{key}` | " for key in part["properties"]]
        assert any(all(row in section for row in rows) for section in sections), part["title"]
    assert "| `count` | integer from 0 to 9999 | Number of nodes. Default: `1`. |" in keys()
    assert "Required." in keys()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"type": "string"}, "text"),
        ({"const": 1}, "`1`"),
        ({"enum": ["dev", "production"]}, '`"dev"`, `"production"`'),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "`true` or `false`"),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 1}]},
            "text, or integer, at least 1",
        ),
        ({"type": "array", "items": {"type": "string"}}, "list; each is text"),
        ({"type": ["string", "number"]}, "text or number"),
        ({"$ref": "#/$defs/Limit"}, "[`limit`](#limit)"),
        ({"$ref": "#/$defs/Port"}, "[an entry of `ports`](#an-entry-of-ports)"),
        ({"type": "number", "exclusiveMinimum": 0}, "number above 0"),
        ({"type": "integer", "maximum": 9}, "integer, at most 9"),
    ],
)
def test_kind(value: dict[str, Any], expected: str) -> None:
    """What a value can be, in words."""
    assert kind(value) == expected
