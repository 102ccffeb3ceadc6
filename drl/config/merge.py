"""Merging one layer of settings over another."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any


def merge(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two mappings: inner mappings are merged recursively; all other values, lists too, are replaced.

    A section whose `kind` changes starts empty. So a recipe that inherits `method: {kind: drl, l1_weight: …}` and says
    `method: {kind: vdrl}` does not keep keys that its new method does not have. Neither argument is changed.
    """
    merged = dict(deepcopy(base))
    for key, value in top.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping) and _same_kind(below, value):
            merged[key] = merge(below, value)
        else:
            merged[key] = deepcopy(value)
    return merged


def _same_kind(below: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    return bool(value.get("kind", below.get("kind")) == below.get("kind"))
