"""Checks across sections: names that must exist, budgets that must fit, sizes that must halve."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from drl.config.datasets import DatasetSettings
from drl.config.lists import known
from drl.config.networks import UNet
from drl.config.recipes import Recipe, is_file
from drl.config.schema import Config
from drl.errors import UserError
from drl.pipeline.arm_checks import check_arms
from drl.pipeline.items import ITEMS, models

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
    check_arms(config, recipe)
    if config.dataset is None:
        for item in config.items:
            item_fits(config, item, recipe)
    for name in config.studies.study.recipes:
        known("studies.study.recipes", name, "recipe", config.recipes)
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


def item_fits(config: Config, item: str, recipe: Callable[[Config, str, str], Recipe]) -> None:
    """Check that the datasets of an item fit its recipes and its study.

    With `dataset`, items are drawn from another dataset than they are meant for, and not each of them can be; so there
    it is asked for when an item is planned.

    Args:
        config: The whole configuration.
        item: Its name.
        recipe: Resolves a recipe's name for a dataset.

    Raises:
        UserError: One line that names the key and the remedy.
    """
    if ITEMS[item].study == "fine_tune":
        for dataset, name in dict.fromkeys((model.dataset, model.recipe) for model in models(config, item)):
            _starts_fit(config, recipe, name, dataset)
            _recipe_fits(name, recipe(config, name, dataset), dataset, config.datasets[dataset])
        return
    for dataset in config.item_datasets(item):
        if ITEMS[item].study == "probe":
            _probes_fit(config, item, dataset)
        for name in config.item_models(item):
            _study_fits(item, name, recipe(config, name, dataset))
            _starts_fit(config, recipe, name, dataset)
            _recipe_fits(name, recipe(config, name, dataset), dataset, config.datasets[dataset])


def own_study_fits(config: Config, dataset: str, recipe: Callable[[Config, str, str], Recipe]) -> None:
    """Check that a dataset has what a study of it alone needs.

    Args:
        config: The whole configuration.
        dataset: Its name.
        recipe: Resolves a recipe's name for a dataset.

    Raises:
        UserError: One line that names the key and the remedy.
    """
    images, where = config.datasets[dataset], "config: studies.study.recipes"
    for name in config.studies.study.recipes:
        if config.members(name) != (name,):
            raise UserError(f"{where}: {name!r} is a sweep; give a recipe without a sweep")
        resolved = recipe(config, name, dataset)
        if resolved.encoder is None:
            raise UserError(f"{where}: {name!r} has no encoder, and a study is about codes; give another recipe")
        if resolved.train_images is None and resolved.batch_size > images.train:
            raise UserError(
                f"dataset {images.title!r} has {images.train} training images, and recipe {name!r} takes "
                f"{resolved.batch_size} a step; add images, or set recipes.{name}.batch_size"
            )
        _starts_fit(config, recipe, name, dataset)
        _recipe_fits(name, resolved, dataset, images)
    if not config.studies.probe.trajectory:
        raise UserError(
            "config: studies.probe.trajectory is false, and a study reads codes at the t that validation images "
            "choose; set it to true"
        )
    _has_validation(dataset, images, "study another dataset")


def _axes_fit(config: Config, item: str) -> None:
    axes, about_arms = config.items[item], ITEMS[item].study == "fine_tune"
    if ITEMS[item].study == "theory":
        given = [name for name in ("datasets", "recipes", "arms", "labels", "beyond") if getattr(axes, name)]
        if given:
            raise UserError(f"config: items.{item}.{given[0]}: {item} makes its own data and models; leave it out")
        return
    if not axes.datasets:
        raise UserError(f"config: items.{item}: needs datasets; give datasets")
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
    budget = config.items[item].budget
    if budget is not None and budget not in probe.label_budgets:
        budgets = ", ".join(map(str, probe.label_budgets))
        raise UserError(
            f"config: items.{item}.budget: {budget} is none of studies.probe.label_budgets; give one of {budgets}"
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
    available = dataset.labelled_at_most(validates)
    for budget in budgets:
        if isinstance(budget, str):
            continue
        if budget > available:
            alike = "" if dataset.smallest_class is None else ", as many of each class"
            raise UserError(
                f"config: {where}: {budget} labels are more than the {available} training images{alike} "
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
