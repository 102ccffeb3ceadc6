"""The reference of the configuration: every key, taken from the models, with its value at scale paper."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from drl.config.base import Settings
from drl.config.recipes import Recipe
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.docs.markdown import anchor, code, shown
from drl.docs.types import in_words
from drl.reporting.markdown import markdown_table

HEAD = """\
# Configuration

This page lists every key of the files in [`config/`](../config/config.yaml). It is made from the models that check them
(`drl/config`). *Value* is the value at scale `paper`, or a default in brackets; NAME is a name from you or these files.

Later files override earlier ones: `config/`, then `config/scales/<scale>.yaml`, then your `--configfile`, then
`--set`. In the result a recipe takes its parent's keys, then its own, then those under `for_dataset` for the dataset.
Mappings are merged, all other values are replaced, and a section whose `kind` changes starts empty. A scale's file may
have `every_item`: settings that differ at this scale for all items that have datasets. Snakemake's `--config` takes
only `scale=`, `dataset=` and `seeds=`; `drl` has `--scale`, `--configfile` and `--set studies.probe.epochs=5`. A wrong
key or value gives an error of one line before any job starts.
Results of two variants of your settings have the same paths, so the second run replaces what it changes:
[how to keep both](quick_start.md#two-variants-of-the-same-settings).
`drl describe RECIPE` shows which file set each value. Editors complete and check keys with `config/config.schema.json`.
"""
RECIPE_KEYS = """\
A recipe may leave out what it inherits. Besides the keys below it takes

- `inherits`: the recipe that it starts from,
- `for_dataset`: dataset names, and under each the keys that differ there,
- `sweep`: `t` (`times.t`), `lambda` (`method.l1_weight`) or `d` (`encoder.code_size`) and a list: one recipe per value,
  named `drl_8d-lambda0.00001` and so on.
"""
# Number of letters; longer values are plain text, whose lines can break.
LONGEST_CODE = 18
# The names whose values are shown for a mapping of names.
EXAMPLES: Mapping[str, str] = {"datasets": "cifar10", "arms": "drl", "items": "figure_4"}


@dataclass(frozen=True)
class Section:
    """A part of the configuration.

    Attributes:
        path: The section's keys, such as `recipes.NAME.method`.
        model: The model that checks it.
        values: Values at scale paper by key; empty if there are none to show.
        of: The name that the values belong to.
        kind: The section's `kind`, if there are several.
    """

    path: str
    model: type[Settings]
    values: Mapping[str, Any]
    of: str = ""
    kind: str = ""

    @property
    def heading(self) -> str:
        """Its heading."""
        return f"{self.path}: {self.kind}" if self.kind else self.path


def page(config: Config) -> str:
    """Return the page as Markdown.

    Args:
        config: The configuration at scale paper.
    """
    sections = list(_sections(config))
    links = {
        section.model.__name__: f"[{section.kind or section.path}](#{anchor(section.heading)})" for section in sections
    }
    lines = [HEAD]
    for section in sections:
        lines += [*_section(section, links), ""]
    return "\n".join(lines)


def _sections(config: Config) -> Iterator[Section]:
    """Yield the sections in the order of the model; for a mapping of names, the section of one name."""
    plain = config.model_dump(mode="json")
    yield Section("Top level", Config, {key: value for key, value in plain.items() if not isinstance(value, dict)})
    for key, field in Config.model_fields.items():
        models = _parts(field.annotation)
        if key == "recipes":
            yield from _recipe_sections(config)
        elif isinstance(getattr(config, key), Settings):
            yield from _nested(key, models[0], plain[key])
        elif models:
            example = EXAMPLES[key]
            yield from _nested(f"{key}.NAME", models[0], plain[key][example], code(example))


def _nested(path: str, model: type[BaseModel], values: Mapping[str, Any], of: str = "") -> Iterator[Section]:
    assert issubclass(model, Settings)
    yield Section(path, model, values, of)
    for key, field in model.model_fields.items():
        for part in _parts(field.annotation):
            inner = values.get(key)
            yield from _nested(f"{path}.{key}", part, inner if isinstance(inner, dict) else {}, of)


def _recipe_sections(config: Config) -> Iterator[Section]:
    """Yield a section for each part of a recipe and each kind of that part."""
    resolved = {name: resolve_recipe(config, config.members(name)[0]) for name in config.recipes}
    yield Section("recipes.NAME", Recipe, resolved["drl"].model_dump(mode="json"), code("drl"))
    for key, field in Recipe.model_fields.items():
        models = [part for part in _parts(field.annotation) if issubclass(part, Settings)]
        for model in models:
            examples = [(name, part) for name, known in resolved.items() if type(part := getattr(known, key)) is model]
            name, values = (examples[0][0], examples[0][1].slice()) if examples else ("", {})
            kind = model.model_fields["kind"].default if "kind" in model.model_fields else ""
            yield Section(f"recipes.NAME.{key}", model, values, code(name) if name else "", kind)


def _parts(annotation: Any) -> list[type[BaseModel]]:
    """Return the models in a type, however deep in unions."""
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    if getattr(annotation, "__origin__", None) is Literal:
        return []
    return [model for part in get_args(annotation) for model in _parts(part)]


def _section(section: Section, links: Mapping[str, str]) -> list[str]:
    schema = section.model.model_json_schema()["properties"]
    about = " ".join((section.model.__doc__ or "").split("\n\n")[0].split())
    values = f" Values: of {section.of}." if section.of else ""
    lines = [f"## {section.heading}", "", _escaped(about) + values]
    if section.model is Recipe:
        lines += ["", RECIPE_KEYS.rstrip()]
    rows = [
        (
            code(key),
            _type(section, key, schema[key], links),
            _value(section, key, field),
            _escaped(schema[key].get("description", "")),
        )
        for key, field in section.model.model_fields.items()
        if not (section.kind and key == "kind")
    ]
    return [*lines, "", *(markdown_table(("Key", "Type", "Value", "Meaning"), rows) if rows else ["No other key."])]


def _type(section: Section, key: str, schema: Mapping[str, Any], links: Mapping[str, str]) -> str:
    if section.model is Config and key == "recipes":
        return f"mapping of names to {links['Recipe']}"
    return in_words(schema, links)


def _value(section: Section, key: str, field: FieldInfo) -> str:
    if _parts(field.annotation) or section.values.get(key) == {}:
        return ""
    if key in section.values:
        text = shown(section.values[key])
        return code(text) if len(text) <= LONGEST_CODE else _escaped(text)
    return "" if field.is_required() else f"({code(shown(field.get_default(call_default_factory=True)))})"


def _escaped(text: str) -> str:
    """Return plain text escaped for Markdown."""
    return re.sub(r"([<|*_\[\]])", r"\\\1", text)
