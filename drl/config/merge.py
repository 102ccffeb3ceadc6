"""How settings are laid over one another: mappings merge, everything else replaces."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any


def overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Merge as Snakemake merges two `configfile:` statements; a test compares the two.

    Args:
        base: The lower mapping; left as it is.
        top: The upper one; its mappings merge into the base's, its other values (lists too) replace.

    Returns:
        A new mapping.
    """
    merged = dict(deepcopy(base))
    for key, value in top.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = overlay(below, value)
        elif isinstance(value, Mapping):
            # Snakemake leaves what is there when an empty mapping is laid over it.
            merged[key] = overlay({}, value) if value or key not in merged else merged[key]
        else:
            merged[key] = deepcopy(value)
    return merged


def refine(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Merge as `overlay`, but a section whose `kind` changes starts empty.

    So a recipe that inherits `method: {kind: drl, l1_weight: …}` and says `method: {kind: vdrl}` does not keep a key
    that its new method does not know.
    """
    merged = dict(deepcopy(base))
    for key, value in top.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping) and _same_kind(below, value):
            merged[key] = refine(below, value)
        else:
            merged[key] = deepcopy(value)
    return merged


def patch(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `every_recipe` over a recipe: only into sections that it has, and only where the `kind` is the same."""
    merged = dict(deepcopy(base))
    for key, value in top.items():
        below = merged.get(key)
        if not isinstance(value, Mapping):
            merged[key] = deepcopy(value)
        elif isinstance(below, Mapping) and _same_kind(below, value):
            merged[key] = patch(below, value)
    return merged


def within(base: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return of `base` the settings that `settings` has too, whatever their values there."""
    found: dict[str, Any] = {}
    for key in base.keys() & settings.keys():
        value, other = base[key], settings[key]
        if not isinstance(value, Mapping) or not isinstance(other, Mapping):
            found[key] = deepcopy(value)
        elif inner := within(value, other):
            found[key] = inner
    return found


def without(base: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` without the settings that `settings` has, whatever their values."""
    left: dict[str, Any] = {}
    for key, value in base.items():
        other = settings.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            left[key] = without(value, other)
        elif key not in settings:
            left[key] = deepcopy(value)
    return left


def other_kind(below: Any, value: Any) -> bool:
    """Say whether a section lies over one of another kind."""
    return isinstance(below, Mapping) and isinstance(value, Mapping) and not _same_kind(below, value)


def _same_kind(below: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    return bool(value.get("kind", below.get("kind")) == below.get("kind"))
