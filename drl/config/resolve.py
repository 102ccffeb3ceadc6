"""From YAML files to a checked configuration, and from a recipe's name to the recipe."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from drl.config.base import Settings
from drl.config.merge import other_kind, overlay, patch, refine, within, without
from drl.config.recipes import NAME_PATTERN, Recipe
from drl.config.schema import SCALES, Config
from drl.config.sweeps import sweep_settings
from drl.errors import UserError, nearest

OWN = "own"  # in a recipe: what the user says of it against the scale's `every_recipe`
FOLDER = Path(__file__).resolve().parents[2] / "config"


def scale_file(config: Mapping[str, Any]) -> str:
    """Return the overlay's path, relative to the project, after checking the scale's name.

    Raises:
        UserError: If `scale` is missing or not one of demo, lite, paper.
    """
    scale = config.get("scale")
    if scale not in SCALES:
        raise UserError(f"config: unknown scale {scale!r}; {nearest(str(scale), SCALES)}")
    return f"config/scales/{scale}.yaml"


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping; an empty file is an empty mapping.

    Raises:
        UserError: If the file is missing, is not YAML or not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give an existing file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        place = " ".join(str(error).split())
        raise UserError(f"{path}: is not YAML in UTF-8: {place}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"{path}: must hold 'key: value' lines at the top level")
    return content


def assignments(pairs: Sequence[str]) -> dict[str, Any]:
    """Turn `a.b=v` words of a command line into a nested mapping; v is read as YAML.

    Raises:
        UserError: If a word has no `=`.
    """
    merged: dict[str, Any] = {}
    for pair in pairs:
        path, sign, text = pair.partition("=")
        if not sign or not path:
            raise UserError(f"--set {pair}: write key.subkey=value")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UserError(f"--set {pair}: the value is not YAML; quote it or mend its brackets") from error
        for key in reversed(path.split(".")):
            value = {key: value}
        merged = overlay(merged, value)
    return merged


def with_own_recipes(raw: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Mark what the user says of single recipes, so that the scale's `every_recipe` does not undo it."""
    every, recipes, said = (
        _mapping(found) for found in (raw.get("every_recipe"), raw.get("recipes"), own.get("recipes"))
    )
    # What the user says of every recipe comes after what is said of one.
    of_scale = without(every, _mapping(own.get("every_recipe")))
    marks = {name: within(_mapping(recipe), of_scale) for name, recipe in said.items()}
    marked = {name: {**recipes[name], OWN: mark} for name, mark in marks.items() if mark}
    return {**raw, "recipes": {**recipes, **marked}} if marked else dict(raw)


def _mapping(found: Any) -> Mapping[str, Any]:
    """Return a section of a raw configuration; what is none is complained of elsewhere."""
    return found if isinstance(found, Mapping) else {}


def recipe(config: Config, name: str, dataset: str | None = None) -> Recipe:
    """Resolve a recipe: inherits <- its own keys <- for_dataset <- its place in a sweep <- every_recipe <- what is OWN.

    Args:
        config: The whole configuration.
        name: The recipe, or one member of a sweep, such as drl_8d-lambda0.00001.
        dataset: Whose `for_dataset` section applies; None: none.

    Raises:
        UserError: If the name is unknown or malformed, a parent is missing or circular, or a key is wrong.
    """
    base, axes = _swept(config, name)
    merged = refine(_inherited(config, base, dataset, ()), axes)
    above = merged.pop(OWN, {})
    merged = refine(patch(merged, config.every_recipe), above)
    resolved = validated(Recipe, merged, f"config: recipes.{base}")
    assert isinstance(resolved, Recipe)
    return resolved


def _swept(config: Config, name: str) -> tuple[str, dict[str, Any]]:
    """Split the name of a sweep's member into the recipe and the settings that the member stands for."""
    base = str(name).partition("-")[0]
    if base not in config.recipes or "sweep" not in config.recipes[base]:
        return name, {}
    sweep, members = config.recipes[base]["sweep"], config.members(base)
    if name not in members:
        what = "a sweep; name one of its members" if name == base else "no member of its sweep"
        raise UserError(f"config: recipes.{name}: is {what}; {nearest(name, members)}")
    return base, sweep_settings(base, sweep, name)


def _inherited(config: Config, name: str, dataset: str | None, children: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(name, str) or name not in config.recipes:
        where = f"recipes.{children[-1]}.inherits: " if children else ""
        raise UserError(f"config: {where}unknown recipe {name!r}; {nearest(str(name), config.recipes)}")
    if not re.fullmatch(NAME_PATTERN, name):
        raise UserError(f"config: recipes.{name}: use lower case letters, digits and _ in a recipe's name")
    if name in children:
        raise UserError(f"config: recipes.{name}: inherits from itself through {' -> '.join((*children, name))}")
    own = dict(config.recipes[name])
    own.pop("sweep", None)
    parent = own.pop("inherits", None)
    for_dataset = own.pop("for_dataset", {})
    if not isinstance(for_dataset, dict) or not all(isinstance(v, dict) for v in for_dataset.values()):
        raise UserError(f"config: recipes.{name}.for_dataset: must hold dataset names, and keys under each")
    for known in for_dataset:
        if known not in config.datasets:
            raise UserError(
                f"config: recipes.{name}.for_dataset: unknown dataset {known!r}; {nearest(known, config.datasets)}"
            )
    merged = _inherited(config, parent, dataset, (*children, name)) if parent is not None else {}
    # What a recipe says itself comes before what the user says of the one that it inherits from.
    of_parent = merged.pop(OWN, {}).items()
    above = without({key: value for key, value in of_parent if not other_kind(merged.get(key), own.get(key))}, own)
    merged = refine(merged, own)
    merged[OWN] = refine(above, own.get(OWN, {}))
    return refine(merged, for_dataset.get(dataset) or {})


def validated(model: type[Settings], raw: dict[str, Any], where: str) -> Settings:
    """Build a model, turning the first of its complaints into one line."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(_written_path(first["loc"], raw))
        message = str(first["msg"]).removeprefix("Value error, ")
        found = first.get("input")
        shown = ""
        if first["type"] == "union_tag_invalid":
            tag, valid = first["ctx"]["tag"], first["ctx"]["expected_tags"].replace("'", "").split(", ")
            message = f"unknown kind {tag!r}; {nearest(tag, valid)}"
        elif not isinstance(found, (dict, list)) and first["type"] != "missing":
            shown = f" (found {found!r})"
        prefix = where if not path else f"{where}{': ' if where == 'config' else '.'}{path}"
        raise UserError(f"{prefix}: {message[0].lower()}{message[1:]}{shown}") from error


def _written_path(location: tuple[int | str, ...], raw: Any) -> list[str]:
    """Leave out of an error's location what pydantic adds for unions, so that it reads as in the YAML file."""
    path: list[str] = []
    for position, part in enumerate(location):
        if _has(raw, part):
            raw = raw[part]
        elif (
            position < len(location) - 1
            or (isinstance(raw, dict) and raw.get("kind") == part)
            or not isinstance(raw, dict)
        ):
            continue
        path.append(str(part))
    return path


def _has(raw: Any, part: int | str) -> bool:
    if isinstance(raw, dict):
        return part in raw
    return isinstance(raw, (list, tuple)) and isinstance(part, int) and part < len(raw)
