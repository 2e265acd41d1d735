"""The JSON schemas of files, and an example of a pool file with every key."""

from __future__ import annotations

import ast
import inspect
import textwrap
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, cast

from pydantic.json_schema import GenerateJsonSchema

from condor_mini.spec import PoolSpec
from condor_mini.spec.base import Part

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema, core_schema

SCHEMA_ID = "urn:condor-mini:pool-file:1"


def json_schema() -> dict[str, object]:
    """Return the JSON schema (draft 2020-12) of a pool file, including the short forms.

    Editors use it to check a file and to explain its keys. Only ``load_pool_file`` finds mistakes
    that a schema cannot express: paths that do not exist, host ports that clash.
    """
    return {
        **schema_of(PoolSpec, SCHEMA_ID, "Pool file of condor-mini"),
        "required": ["version"],
    }


def schema_of(model: type[Part], schema_id: str, title: str) -> dict[str, object]:
    """Return the JSON schema (draft 2020-12) of the files that a model describes."""
    schema = model.model_json_schema(schema_generator=_Generator)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": schema_id,
        "title": title,
        "description": schema.pop("description"),
        **{key: value for key, value in schema.items() if key != "title"},
    }


def example() -> str:
    """Return a valid pool file with a comment on each key."""
    return files("condor_mini").joinpath("spec/example-pool.yaml").read_text("utf-8")


class _Generator(GenerateJsonSchema):
    """A generator that leaves out titles that repeat the key, and empty defaults."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        # Only here and not by pydantic's use_attribute_docstrings, which reads the sources of all
        # models whenever they are imported: 0.05 s of every command.
        result = super().model_schema(schema)
        for key, text in _docstrings(schema["cls"]).items():
            result["properties"][key].setdefault("description", " ".join(text.split()))
        return result

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


def _docstrings(model: type[Part]) -> dict[str, str]:
    """Return the docstrings of a model's fields, those of its bases included, by their keys."""
    found: dict[str, str] = {}
    for each in model.__mro__[: model.__mro__.index(Part)]:
        tree = ast.parse(textwrap.dedent(inspect.getsource(each)))
        for field, text in pairwise(cast("ast.ClassDef", tree.body[0]).body):
            match field, text:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(words))),
                ) if name in model.model_fields:
                    found.setdefault(model.model_fields[name].alias or name, words)
    return found
