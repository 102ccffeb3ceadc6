"""The configuration's JSON schema, with which editors complete and check the files in config/."""

from __future__ import annotations

import json
from typing import Any

from drl.config.recipes import Recipe
from drl.config.schema import Config


def json_schema() -> str:
    """Return the schema as JSON text; config/config.schema.json is a copy that a test compares."""
    schema = Config.model_json_schema()
    recipe = Recipe.model_json_schema()
    definitions = schema["$defs"] | recipe.pop("$defs")
    recipe["properties"] |= {
        "inherits": {"type": "string", "description": "The recipe that this one starts from."},
        "sweep": {
            "type": "object",
            "description": "One recipe for each value: t (times.t), lambda (method.l1_weight), d (encoder.code_size).",
        },
        "for_dataset": {"type": "object", "description": "Dataset name to keys that differ there."},
    }
    schema["$defs"] = definitions | {"Recipe": recipe}
    schema["properties"]["recipes"]["additionalProperties"] = {"$ref": "#/$defs/Recipe"}
    schema["properties"]["every_item"] = {
        "$ref": "#/$defs/ItemSettings",
        "description": "In a scale's file: settings that differ at this scale for all items that have datasets.",
    }
    _loosen(schema)
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def _loosen(schema: Any) -> None:
    """Let a file set only a part of a section: no key is required, and a section's `kind` may be left out."""
    if isinstance(schema, dict):
        if isinstance(schema.get("required"), list):
            del schema["required"]
        if "oneOf" in schema:  # without a kind, a section may fit several kinds
            schema["anyOf"] = schema.pop("oneOf")
        for part in schema.values():
            _loosen(part)
    elif isinstance(schema, list):
        for part in schema:
            _loosen(part)
