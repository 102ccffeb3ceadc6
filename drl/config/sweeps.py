"""Sweeps: a recipe that expands to one recipe per value of one of its settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from pydantic_core import PydanticCustomError

from drl.config.merge import merge
from drl.errors import nearest

MOST_MEMBERS = 128
# Axes, and the setting of the recipe that each axis sets.
SWEEPS: dict[str, Callable[[float], dict[str, dict[str, Any]]]] = {
    "t": lambda value: {"times": {"kind": "single", "t": value}},
    "lambda": lambda value: {"method": {"l1_weight": value}},
    "d": lambda value: {"encoder": {"code_size": value}},
}


def sweep_members(recipe: str, sweep: Mapping[str, Sequence[float]]) -> tuple[str, ...]:
    """Return the names of a sweep's members, drl_8d-lambda0.00001 and so on; the recipe itself without a sweep."""
    axes = [[f"-{axis}{_shown(value)}" for value in values] for axis, values in sweep.items()]
    return tuple(recipe + "".join(parts) for parts in product(*axes))


def sweep_settings(recipe: str, sweep: Mapping[str, Sequence[float]], member: str) -> dict[str, Any]:
    """Return the settings of a sweep's member that differ from its recipe."""
    values = list(product(*sweep.values()))[sweep_members(recipe, sweep).index(member)]
    settings: dict[str, Any] = {}
    for axis, value in zip(sweep, values, strict=True):
        settings = merge(settings, SWEEPS[axis](value))
    return settings


def with_sweeps(recipes: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Check the `sweep` of every recipe and read its numbers; YAML reads a number such as 1e-5 as text."""
    return {
        name: {**recipe, "sweep": _checked(name, recipe["sweep"])} if "sweep" in recipe else recipe
        for name, recipe in recipes.items()
    }


def _checked(name: str, sweep: Any) -> dict[str, list[float]]:
    if not isinstance(sweep, dict) or not sweep:
        raise _error(f"{name}.sweep must be an axis and its values, such as t: [0.1, 0.2]")
    for axis in sweep:
        if axis not in SWEEPS:
            raise _error(f"{name}.sweep: unknown axis {axis!r}; {nearest(str(axis), SWEEPS)}")
    most = math.prod(len(values) for values in sweep.values() if isinstance(values, list))
    if most > MOST_MEMBERS:
        raise _error(f"{name}.sweep has {most:,} members; give at most {MOST_MEMBERS}")
    return {axis: _numbers(f"{name}.sweep.{axis}", values) for axis, values in sweep.items()}


def _numbers(where: str, values: Any) -> list[float]:
    try:
        numbers = [value if type(value) is int else float(_not_bool(value)) for value in _listed(values)]
    except (TypeError, ValueError, OverflowError):
        numbers = []
    # A value must be readable from its name, and no two members may share a name.
    exact = all(0 <= value < math.inf and float(_shown(value)) == value for value in numbers)
    if not numbers or not exact or len(set(numbers)) < len(numbers):
        raise _error(f"{where} must be a list of different numbers >= 0 of at most 12 decimals")
    return numbers


def _listed(values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise TypeError("no list")
    return values


def _not_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise TypeError("a yes or no is not a number")
    return value


def _shown(value: float) -> str:
    """Return a value as written in a recipe's name: digits and a point, without an exponent."""
    return f"{value:.12f}".rstrip("0").rstrip(".")


def _error(message: str) -> PydanticCustomError:
    return PydanticCustomError("sweep", "{message}", {"message": message})
