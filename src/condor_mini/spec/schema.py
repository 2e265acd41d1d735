"""The pool file for those who write one: its JSON schema, and an example with every key."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from pydantic.json_schema import GenerateJsonSchema

from condor_mini.spec import PoolSpec

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema, core_schema

SCHEMA_ID = "urn:condor-mini:pool-file:1"


def json_schema() -> dict[str, object]:
    """The JSON schema (draft 2020-12) of a pool file; takes the short forms too.

    Editors check a file by it and explain its keys; what it cannot say (paths that must be there,
    ports of the host that clash) only ``load_pool_file`` finds.
    """
    schema = PoolSpec.model_json_schema(schema_generator=_Generator)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": SCHEMA_ID,
        "title": "A pool of condor-mini",
        "description": schema.pop("description"),
        **{key: value for key, value in schema.items() if key != "title"},
        "required": ["version"],
    }


def example() -> str:
    """A pool file that is valid as it stands, with a comment on each key."""
    return files("condor_mini").joinpath("spec/example-pool.yaml").read_text("utf-8")


class _Generator(GenerateJsonSchema):
    """Without what only repeats: titles that are the key, defaults that are nothing."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        result = super().default_schema(schema)
        if not isinstance(result.get("default"), bool | int) and not result.get("default"):
            result.pop("default", None)
        if isinstance(result.get("default"), dict | list | tuple):
            del result["default"]
        return result

    def generate_inner(self, schema: CoreSchema) -> JsonSchemaValue:
        result = super().generate_inner(schema)
        if "description" in result:
            result["description"] = " ".join(result["description"].split())
        return result
