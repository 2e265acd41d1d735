"""The JSON schema of the pool file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest

from condor_mini.spec import yaml_tree
from condor_mini.spec.schema import example, json_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
FILES = Path(__file__).with_name("poolfiles")


def test_published_schema_is_current() -> None:
    """docs/pool.schema.json is what ``condor-mini config schema`` prints."""
    published = json.loads((ROOT / "docs/pool.schema.json").read_text("utf-8"))
    assert sorted(documented(published)) == sorted(documented(json_schema()))


def documented(schema: object) -> Iterator[tuple[str, str]]:
    """Each key that a schema knows, and its description: pydantic's version words the rest."""
    if isinstance(schema, list):
        for part in schema:
            yield from documented(part)
    elif isinstance(schema, dict):
        for name, key in schema.get("properties", {}).items():
            yield name, key.get("description", "")
        for part in schema.values():
            yield from documented(part)


@pytest.mark.parametrize("file", sorted(FILES.glob("valid-*.yaml")), ids=lambda file: file.stem)
def test_schema_takes_valid_files(file: Path) -> None:
    """The schema takes each valid file, with its short forms."""
    tree, _ = yaml_tree.parse(file.read_text("utf-8-sig"))
    jsonschema.validate(tree.plain(), json_schema())


def test_schema_takes_the_example() -> None:
    """The schema takes the example."""
    jsonschema.validate(yaml_tree.parse(example())[0].plain(), json_schema())


@pytest.mark.parametrize("name", ["keys", "types", "numbers", "version-missing", "series"])
def test_schema_refuses_invalid_files(name: str) -> None:
    """The schema refuses what it can."""
    tree, _ = yaml_tree.parse((FILES / f"invalid-{name}.yaml").read_text("utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tree.plain(), json_schema())


def test_schema_is_one() -> None:
    """The schema is a valid one."""
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_schema_describes_every_key() -> None:
    """Each key has a description, which editors show."""
    schema = json_schema()
    parts = [schema, *schema["$defs"].values()]  # type: ignore[attr-defined]
    bare = [
        key
        for part in parts
        for key, value in part["properties"].items()
        if not value.get("description")
    ]
    assert bare == []
