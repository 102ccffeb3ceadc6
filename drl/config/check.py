"""Checks across sections: names that must exist, budgets that must fit, sizes that must halve."""

from __future__ import annotations

import re
from collections.abc import Callable

from drl.config.datasets import DatasetSettings
from drl.config.recipes import Recipe
from drl.config.schema import Config
from drl.errors import UserError, nearest
from drl.items import ITEMS

DATASET_PATTERN = r"[a-z0-9_]+"


def check(config: Config, recipe: Callable[[Config, str, str], Recipe]) -> None:
    """Check what no section can check alone.

    Args:
        config: The whole configuration.
        recipe: Resolves a recipe's name for a dataset.

    Raises:
        UserError: One line that names the key and the remedy.
    """
    for name in config.datasets:
        if not re.fullmatch(DATASET_PATTERN, name):
            raise UserError(f"config: datasets.{name}: use lower case letters, digits and _ in a dataset's name")
    if config.dataset is not None:
        _known("dataset", config.dataset, "dataset", config.datasets)
    for item in config.items:
        _known("items", item, "item", ITEMS)
        for name in config.items[item].datasets:
            _known(f"items.{item}.datasets", name, "dataset", config.datasets)
        for name in config.items[item].recipes:
            _known(f"items.{item}.recipes", name, "recipe", config.recipes)
        for name in config.item_datasets(item):
            dataset = config.datasets[name]
            _budgets_fit(config, name, dataset)
            for recipe_name in config.items[item].recipes:
                _recipe_fits(recipe_name, recipe(config, recipe_name, name), name, dataset)


def _known(where: str, name: str, what: str, valid: object) -> None:
    if name not in valid:  # type: ignore[operator]
        raise UserError(f"config: {where}: unknown {what} {name!r}; {nearest(name, valid)}")  # type: ignore[arg-type]


def _budgets_fit(config: Config, name: str, dataset: DatasetSettings) -> None:
    probe = config.studies.probe
    available = dataset.train - (dataset.validation if probe.uses_validation else 0)
    if probe.uses_validation and dataset.validation == 0:
        raise UserError(
            f"config: studies.probe chooses on validation images but datasets.{name}.validation is 0; "
            "set it, or use select: last without learning_rates"
        )
    for budget in probe.label_budgets:
        if budget == "all":
            continue
        if budget > available:
            raise UserError(
                f"config: studies.probe.label_budgets: {budget} labels are more than the {available} training images "
                f"of dataset {name!r}; use at most {available}, or `all`"
            )
        if budget < dataset.classes:
            raise UserError(
                f"config: studies.probe.label_budgets: {budget} labels cannot cover the {dataset.classes} classes of "
                f"dataset {name!r}; use at least {dataset.classes}"
            )


def _recipe_fits(recipe_name: str, recipe: Recipe, name: str, dataset: DatasetSettings) -> None:
    available = dataset.train - (dataset.validation if recipe.hold_out_validation else 0)
    if recipe.batch_size > available:
        raise UserError(
            f"config: recipes.{recipe_name}.batch_size: {recipe.batch_size} is more than the {available} training "
            f"images of dataset {name!r}; use at most {available}"
        )
    if recipe.score is not None:
        levels = len(recipe.score.channel_multipliers)
        if dataset.image_size % 2 ** (levels - 1):
            raise UserError(
                f"config: recipes.{recipe_name}.score.channel_multipliers: {levels} levels halve {levels - 1} times, "
                f"which {dataset.image_size} pixels of dataset {name!r} do not allow; use fewer levels"
            )
