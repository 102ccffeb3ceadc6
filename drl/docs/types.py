"""The allowed values of a setting in words, from its JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drl.docs.markdown import code, shown

Schema = Mapping[str, Any]
NAMES = {
    "integer": "integer",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
    "object": "mapping",
}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def in_words(schema: Schema, sections: Mapping[str, str]) -> str:
    """Return the values that a JSON schema allows, as Markdown.

    Args:
        schema: Schema of one setting.
        sections: Links to the sections of models, by the models' names.
    """
    if "$ref" in schema:
        return sections[schema["$ref"].rpartition("/")[2]]
    if "const" in schema:
        return code(shown(schema["const"]))
    if "enum" in schema:
        return " or ".join(code(shown(value)) for value in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(in_words(part, sections) for part in schema[key]))
    if schema.get("type") == "array":
        return _list(schema, sections)
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return (
            f"mapping of names to {in_words(values, sections)}" if isinstance(values, Mapping) and values else "mapping"
        )
    if "type" not in schema:
        return "anything"
    bounds = [f"{sign} {shown(schema[key])}" for key, sign in BOUNDS.items() if key in schema]
    return " ".join([NAMES[schema["type"]], ", ".join(bounds)]).strip()


def _list(schema: Schema, sections: Mapping[str, str]) -> str:
    if "prefixItems" in schema:
        parts = list(dict.fromkeys(in_words(part, sections) for part in schema["prefixItems"]))
        return f"list of {len(schema['prefixItems'])}: {', '.join(parts)}"
    return f"list of {in_words(schema['items'], sections)}"
