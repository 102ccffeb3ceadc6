"""Resolving recipes by name, and checking raw settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any, TypeVar

from pydantic import ValidationError

from drl.config.base import Settings
from drl.config.merge import merge
from drl.config.recipes import NAME_PATTERN, Recipe
from drl.config.schema import Config
from drl.config.sweeps import sweep_settings
from drl.errors import UserError, clean, nearest

LONGEST_LINE = 30  # of recipes that inherit one from the other
STRUCTURE = ("inherits", "sweep", "for_dataset")
Model = TypeVar("Model", bound=Settings)
Keys = tuple[str, ...]  # keys, from the outside to the inside


def recipe(config: Config, name: str, dataset: str | None = None) -> Recipe:
    """Resolve a recipe: its parent's keys, then its own, then those under for_dataset, then its value in a sweep.

    Args:
        config: The whole configuration.
        name: The recipe, or one member of a sweep, such as drl_8d-lambda0.00001.
        dataset: The dataset whose `for_dataset` section applies; None: no section.

    Raises:
        UserError: If the name is unknown or malformed, a parent is missing or circular, or a key is wrong.
    """
    base, of_sweep = member(config, name)
    parts = [section(config.recipes, path) for path in paths(config, base, dataset)]
    resolved = validated(Recipe, reduce(merge, [*parts, of_sweep], {}), f"config: recipes.{base}")
    if not resolved.label:
        raise UserError(f"config: recipes.{base}.label: field required")
    return resolved


def member(config: Config, name: str) -> tuple[str, dict[str, Any]]:
    """Split the name of a sweep's member into the recipe's name and the member's settings.

    Raises:
        UserError: If the name is the sweep's own, or not a member of the sweep.
    """
    base = str(name).partition("-")[0]
    if base not in config.recipes or "sweep" not in config.recipes[base]:
        return name, {}
    sweep, members = config.recipes[base]["sweep"], config.members(base)
    if name not in members:
        what = "a sweep; name one of its members" if name == base else "not a member of its sweep"
        raise UserError(f"config: recipes.{name}: is {what}; {nearest(name, members)}")
    return base, sweep_settings(base, sweep, name)


def paths(config: Config, name: str, dataset: str | None, children: Keys = ()) -> Iterator[Keys]:
    """Yield the sections of `recipes` that a recipe is merged from, lowest first.

    Args:
        config: The whole configuration.
        name: The recipe, not a member of a sweep.
        dataset: The dataset whose `for_dataset` sections apply; None: no sections.
        children: The recipes that inherit from it, lowest last.

    Raises:
        UserError: As `recipe`.
    """
    if not isinstance(name, str) or name not in config.recipes:
        where = f"recipes.{children[-1]}.inherits: " if children else ""
        raise UserError(f"config: {where}unknown recipe {name!r}; {nearest(str(name), config.recipes)}")
    if not re.fullmatch(NAME_PATTERN, name):
        raise UserError(f"config: recipes.{name}: use lower case letters, digits and _ in a recipe's name")
    if len(children) > LONGEST_LINE:
        line = f"recipes.{children[0]}: inherits from more than {LONGEST_LINE} recipes, one through the other"
        raise UserError(f"config: {line}; let it inherit from a recipe nearer to the first")
    if name in children:
        raise UserError(f"config: recipes.{name}: inherits from itself through {' -> '.join((*children, name))}")
    parent, for_dataset = config.recipes[name].get("inherits"), config.recipes[name].get("for_dataset", {})
    if not isinstance(for_dataset, dict) or not all(isinstance(v, dict) for v in for_dataset.values()):
        raise UserError(f"config: recipes.{name}.for_dataset: must hold dataset names, and keys under each")
    for known in for_dataset:
        if known not in config.datasets:
            raise UserError(
                f"config: recipes.{name}.for_dataset: unknown dataset {known!r}; {nearest(known, config.datasets)}"
            )
    if parent is not None:
        yield from paths(config, parent, dataset, (*children, name))
    yield (name,)
    if dataset is not None and dataset in for_dataset:
        yield (name, "for_dataset", dataset)


def section(recipes: Mapping[str, Any], path: Keys) -> dict[str, Any]:
    """Return the settings of one section, without the keys that say how a recipe is put together."""
    found = reduce(lambda part, key: part[key], path, recipes)
    return {key: value for key, value in found.items() if len(path) > 1 or key not in STRUCTURE}


def validated(model: type[Model], raw: dict[str, Any], where: str) -> Model:
    """Build a model; report the first of its errors as one line."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(_written_path(first["loc"], raw))
        message = _as_in_yaml(first)
        found = first.get("input")
        shown = ""
        if first["type"] == "union_tag_invalid":
            tag, valid = first["ctx"]["tag"], first["ctx"]["expected_tags"].replace("'", "").split(", ")
            message = f"unknown kind {tag!r}; {nearest(tag, valid)}"
        elif not isinstance(found, (dict, list)) and first["type"] != "missing":
            quotes = "; put quotes around it" if first["type"] == "string_type" and found is not None else ""
            shown = f" (found {clean(repr(found), 100)}){quotes}"
        prefix = where if not path else f"{where}{': ' if where == 'config' else '.'}{path}"
        raise UserError(f"{prefix}: {message[0].lower()}{message[1:]}{shown}") from error


def _as_in_yaml(error: Mapping[str, Any]) -> str:
    """Return the message of one of pydantic's errors in the words of YAML, which has lists and no tuples."""
    entries = "1 entry" if error["type"] == "too_short" and error["ctx"]["min_length"] == 1 else "{} entries"
    if error["type"] == "too_short":
        return f"needs at least {entries.format(error['ctx']['min_length'])}"
    if error["type"] == "too_long":
        return f"takes at most {entries.format(error['ctx']['max_length'])}"
    if error["type"] == "tuple_type":
        return "write a list, such as [a, b]"
    return str(error["msg"]).removeprefix("Value error, ")


def _written_path(location: tuple[int | str, ...], raw: Any) -> list[str]:
    """Remove pydantic's additions for unions from an error's location, so that it reads as in the YAML file."""
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
