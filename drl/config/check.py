"""Checks across sections: names that must exist, budgets that must fit, sizes that must halve."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from drl.config.check_arms import check_arms
from drl.config.datasets import DatasetSettings
from drl.config.lists import known
from drl.config.networks import UNet
from drl.config.recipes import Recipe, is_file
from drl.config.schema import Config
from drl.errors import UserError
from drl.items import ITEMS, models

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
        known("dataset", config.dataset, "dataset", config.datasets)
    for item in config.items:
        known("items", item, "item", ITEMS)
        for name in config.items[item].datasets:
            known(f"items.{item}.datasets", name, "dataset", config.datasets)
        for name in config.items[item].recipes:
            known(f"items.{item}.recipes", name, "recipe", config.recipes)
        _axes_fit(config, item)
        _sweeps_are_chosen_from(config, item)
        for name in config.item_datasets(item):
            if ITEMS[item].study == "probe":
                _probes_fit(config, item, name)
            for recipe_name in config.item_models(item):
                _study_fits(item, recipe_name, recipe(config, recipe_name, name))
                _starts_fit(config, recipe, recipe_name, name)
                _recipe_fits(recipe_name, recipe(config, recipe_name, name), name, config.datasets[name])
    check_arms(config, recipe)
    about_arms = [item for item in config.items if ITEMS[item].study == "fine_tune"]
    for dataset, name in dict.fromkeys((m.dataset, m.recipe) for item in about_arms for m in models(config, item)):
        _starts_fit(config, recipe, name, dataset)
        _recipe_fits(name, recipe(config, name, dataset), dataset, config.datasets[dataset])
    if config.studies.fid.extractor == "supervised":
        name = config.studies.fid.recipe
        known("studies.fid.recipe", name, "recipe", config.recipes)
        if recipe(config, name, next(iter(config.datasets))).method.kind != "supervised":
            raise UserError(f"config: studies.fid.recipe: {name!r} is not of method supervised; give one that is")
    for pair in config.studies.learning_speed.pairs:
        for name in pair:
            known("studies.learning_speed.pairs", name, "recipe", config.recipes)
        if pair[0] == pair[1]:
            raise UserError(
                f"config: studies.learning_speed.pairs: {pair[0]!r} is compared with itself; name two recipes"
            )


def _axes_fit(config: Config, item: str) -> None:
    axes, about_arms = config.items[item], ITEMS[item].study == "fine_tune"
    wanted, other = ("arms", "recipes") if about_arms else ("recipes", "arms")
    if not getattr(axes, wanted) or getattr(axes, other):
        raise UserError(f"config: items.{item}: needs {wanted}, and no {other}; give {wanted}")
    if not about_arms and (axes.labels or axes.beyond):
        raise UserError(f"config: items.{item}: only items about fine-tuning have labels and beyond; leave them out")


def _sweeps_are_chosen_from(config: Config, item: str) -> None:
    if ITEMS[item].study in ("few_shot", "one_code", "silhouettes"):
        return
    for name in config.items[item].recipes:
        if config.members(name) != (name,):
            raise UserError(
                f"config: items.{item}.recipes: {name!r} is a sweep, and {item} does not choose among its members; "
                "give a recipe without a sweep"
            )


def _probes_fit(config: Config, item: str, name: str) -> None:
    probe, dataset = config.studies.probe, config.datasets[name]
    _budgets_fit("studies.probe.label_budgets", probe.label_budgets, probe.uses_validation, name, dataset)
    position = ITEMS[item].budget
    if position is not None and position >= len(probe.label_budgets):
        raise UserError(
            f"config: studies.probe.label_budgets: {item} shows budget {position + 1} but there are only "
            f"{len(probe.label_budgets)}; give more, or leave {item} out of items"
        )
    if probe.uses_validation:
        _has_validation(name, dataset, "use select: last without learning_rates")
    if probe.trajectory and ITEMS[item].trajectory:
        _has_validation(name, dataset, "set studies.probe.trajectory: false")


def few_shot_fits(config: Config, name: str) -> None:
    """Check that a dataset has enough images for few-shot fits.

    Asked for when a job is planned, so that who draws only Figure 4 from small data need not care.

    Raises:
        UserError: One line that names the key and the remedy.
    """
    labels, dataset = config.studies.few_shot.labels, config.datasets[name]
    _budgets_fit("studies.few_shot.labels", labels, config.few_shot_validates, name, dataset)
    if config.few_shot_validates:
        _has_validation(name, dataset, "leave one value in each sweep")
    if config.few_shot_validates and dataset.label_list is not None:
        raise UserError(
            f"config: datasets.{name}.label_list: its lists name images that a sweep is decided on; "
            "leave one value in each sweep, or unset label_list"
        )


def learning_speed_fits(config: Config, name: str) -> None:
    """Check that a dataset has the validation images that learning curves are measured on; see `few_shot_fits`."""
    _has_validation(name, config.datasets[name], "leave the dataset out of items.learning_curve")


def _study_fits(item: str, name: str, recipe: Recipe) -> None:
    study = ITEMS[item].study
    if recipe.encoder is None and study not in ("later_start", "fid", "pretrain"):
        raise UserError(f"config: items.{item}.recipes: {name!r} has no encoder, and {item} is about codes")
    if recipe.score is None and study in ("latent_grid", "code_swap", "one_code", "later_start", "fid"):
        raise UserError(f"config: items.{item}.recipes: {name!r} has no score network, and {item} shows samples")
    if recipe.method.kind == "cdae" and study in ("code_swap", "one_code"):
        raise UserError(f"config: items.{item}.recipes: {name!r} predicts images, and {item} needs the score")
    if study == "silhouettes" and recipe.times.kind != "single":
        raise UserError(
            f"config: items.{item}.recipes: {name!r} is not trained at a single t; give recipes with times: single"
        )
    if recipe.encoder is not None and study in ("later_start", "fid"):
        raise UserError(f"config: items.{item}.recipes: {name!r} has an encoder, and {item} samples without codes")
    if study == "latent_grid" and recipe.encoder is not None and recipe.encoder.code_size != 2:
        raise UserError(
            f"config: items.{item}.recipes: codes of {name!r} have {recipe.encoder.code_size} entries, and {item} "
            "shows 2-d codes"
        )


def _starts_fit(config: Config, resolve: Callable[[Config, str, str], Recipe], name: str, dataset: str) -> None:
    """Follow `start_from` to its end."""
    chain = [name]
    while (before := resolve(config, chain[-1], dataset).start_from) is not None and not is_file(before):
        try:
            resolve(config, before, dataset)
        except UserError as error:
            said = str(error).removeprefix("config: ")
            raise UserError(f"config: recipes.{chain[-1]}.start_from: {said}") from error
        _networks_fit(chain[-1], resolve(config, chain[-1], dataset), before, resolve(config, before, dataset))
        if before in chain:
            way = " -> ".join([*chain, before])
            raise UserError(f"config: recipes.{name}.start_from: starts from itself through {way}")
        chain.append(before)


def _networks_fit(name: str, recipe: Recipe, before: str, other: Recipe) -> None:
    for section in ("encoder", "score", "decoder", "pixels", "centre_inputs"):
        if getattr(recipe, section) != getattr(other, section):
            raise UserError(
                f"config: recipes.{name}.start_from: {before!r} has another `{section}` than {name!r}; "
                "start from a recipe with the same networks and pixels"
            )


def _has_validation(name: str, dataset: DatasetSettings, otherwise: str) -> None:
    if dataset.validation == 0:
        raise UserError(
            f"config: datasets.{name}.validation is 0 but something is chosen on validation images; "
            f"set it, or {otherwise}"
        )


def _budgets_fit(
    where: str, budgets: Sequence[int | str], validates: bool, name: str, dataset: DatasetSettings
) -> None:
    available = dataset.train - (dataset.validation if validates else 0)
    for budget in budgets:
        if isinstance(budget, str):
            continue
        if budget > available:
            raise UserError(
                f"config: {where}: {budget} labels are more than the {available} training images "
                f"of dataset {name!r}; use at most {available}, or `all`"
            )
        if budget < dataset.classes:
            raise UserError(
                f"config: {where}: {budget} labels cannot cover the {dataset.classes} classes of "
                f"dataset {name!r}; use at least {dataset.classes}"
            )


def _recipe_fits(recipe_name: str, recipe: Recipe, name: str, dataset: DatasetSettings) -> None:
    available = dataset.train - (dataset.validation if recipe.hold_out_validation else 0)
    if recipe.train_images is not None:
        if recipe.train_images > available:
            raise UserError(
                f"config: recipes.{recipe_name}.train_images: {recipe.train_images} are more than the {available} "
                f"training images of dataset {name!r}; use at most {available}"
            )
        available = recipe.train_images
    if recipe.batch_size > available:
        raise UserError(
            f"config: recipes.{recipe_name}.batch_size: {recipe.batch_size} is more than the {available} training "
            f"images of dataset {name!r}; use at most {available}"
        )
    networks = {"encoder": recipe.encoder, "score": recipe.score, "decoder": recipe.decoder}
    for section, network in networks.items():
        if not isinstance(network, UNet):
            continue
        levels = len(network.channel_multipliers)
        if dataset.image_size % 2 ** (levels - 1):
            raise UserError(
                f"config: recipes.{recipe_name}.{section}.channel_multipliers: {levels} levels halve {levels - 1} "
                f"times, which {dataset.image_size} pixels of dataset {name!r} do not allow; use fewer levels"
            )
