"""Which recipes that come with the project have other settings here: their lines in figures get a mark."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from drl.config.layers import Layer, layers, merged
from drl.config.resolve import member, validated
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.errors import UserError

OTHER = {"label": "", "sampler": None}  # what does not count


def differs(config: Config, recipe: str, datasets: Iterable[str]) -> bool:
    """Whether a recipe that comes with the project has other settings here, for one of these datasets.

    Its label does not count, nor its sampler, since lines show no samples. A recipe of the user's own does not differ,
    unless it has the label of one that comes with the project, which readers would take it for.

    Args:
        config: The configuration.
        recipe: The recipe, or one member of a sweep.
        datasets: Those that the line shows.
    """
    shipped = _shipped(config.scale)
    if config.recipes == shipped.recipes:
        return False
    if member(config, recipe)[0] not in shipped.recipes:
        return resolve_recipe(config, recipe).label in _labels(config.scale)
    try:
        return any(
            resolve_recipe(config, recipe, dataset).model_copy(update=OTHER)
            != resolve_recipe(shipped, recipe, dataset).model_copy(update=OTHER)
            for dataset in datasets
        )
    except UserError:  # the sweep has no such member in the project
        return True


@cache
def _shipped(scale: str) -> Config:
    return validated(Config, merged(layers([Layer("scale", {"scale": scale})])), "config")


@cache
def _labels(scale: str) -> frozenset[str]:
    shipped = _shipped(scale)
    return frozenset(resolve_recipe(shipped, shipped.members(name)[0]).label for name in shipped.recipes)
