"""The configuration's JSON schema, by which editors complete and check config.yaml."""

from __future__ import annotations

import json

from drl.config.recipes import Recipe
from drl.config.schema import Config


def json_schema() -> str:
    """Return the schema as JSON text; config/config.schema.json is a copy that a test compares."""
    schema = Config.model_json_schema()
    # A recipe in the file may leave out what it inherits, so its keys are known but none is required.
    recipe = Recipe.model_json_schema()
    definitions = {**schema.get("$defs", {}), **recipe.pop("$defs", {})}
    for name, definition in definitions.items():
        if not name.endswith("Settings") or name in schema["$defs"]:
            continue
        definition.pop("required", None)
    recipe.pop("required", None)
    recipe["properties"] |= {
        "inherits": {"type": "string", "description": "The recipe that this one starts from."},
        "sweep": {
            "type": "object",
            "description": "One recipe for each value: t (times.t), lambda (method.l1_weight), d (encoder.code_size).",
        },
        "for_dataset": {"type": "object", "description": "Dataset name to keys that differ there."},
    }
    definitions["Recipe"] = recipe
    schema["properties"]["recipes"]["additionalProperties"] = {"$ref": "#/$defs/Recipe"}
    schema["$defs"] = definitions
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"
