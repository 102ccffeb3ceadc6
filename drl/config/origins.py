"""Where each value of a resolved recipe was set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from drl.config.layers import Layer
from drl.config.merge import merge
from drl.config.resolve import member, paths, section
from drl.config.schema import Config


@dataclass(frozen=True)
class Setting:
    """A value and where it was set. Two settings of one value are equal, so that `merge` compares kinds as usual."""

    value: Any
    origin: str = field(compare=False)


def origins(config: Config, layers: Sequence[Layer], name: str, dataset: str | None) -> dict[str, str]:
    """Return the origins of a recipe's settings, such as `config/scales/demo.yaml: drl.iterations`.

    The layers are merged as usual, with a `Setting` in place of each value.

    Args:
        config: The configuration that the layers give.
        layers: The layers of the configuration, lowest first.
        name: The recipe, or one member of a sweep.
        dataset: The dataset whose `for_dataset` section applies; None: no section.

    Returns:
        The origin of each setting, by its key with dots. Settings that are missing are defaults of the models.

    Raises:
        UserError: If the recipe is unknown.
    """
    marked = [_marked(layer.settings.get("recipes", {}), f"{layer.source}: ") for layer in layers]
    recipes: dict[str, Any] = reduce(merge, marked, {})
    base, of_sweep = member(config, name)
    parts = [section(recipes, path) for path in paths(config, base, dataset)]
    if of_sweep:
        where = ", ".join(axis.origin for axis in recipes[base]["sweep"].values())
        parts.append(_marked(of_sweep, where, dotted=False))
    return {key: setting.origin for key, setting in flat(reduce(merge, parts, {})).items()}


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of a tree of mappings, by their keys with dots."""
    ends: dict[str, Any] = {}
    for key, value in tree.items():
        inner = flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {}
        ends |= inner or {f"{prefix}{key}": value}
    return ends


def _marked(tree: Mapping[str, Any], prefix: str, dotted: bool = True) -> dict[str, Any]:
    """Replace each value by a `Setting`, whose origin is the prefix and, if `dotted`, the value's keys."""
    marked: dict[str, Any] = {}
    for key, value in tree.items():
        where = f"{prefix}{key}" if dotted else prefix
        if isinstance(value, Mapping):
            marked[key] = _marked(value, f"{where}." if dotted else where, dotted)
        else:
            marked[key] = Setting(value, where)
    return marked
