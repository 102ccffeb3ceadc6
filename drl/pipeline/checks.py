"""Checks across sections: names that must exist, budgets that must fit, sizes that must halve."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from drl.config.datasets import DatasetSettings
from drl.config.lists import known
from drl.config.networks import UNet
from drl.config.recipes import Recipe, is_file
from drl.config.schema import Config
from drl.errors import UserError
from drl.pipeline.arm_checks import check_arms
from drl.pipeline.study import Study

DATASET_PATTERN = r"[a-z0-9_]+"


Resolve = Callable[[Config, str, str], Recipe]


def check(config: Config, recipe: Resolve, studies: Mapping[str, Study]) -> None:
    """Check what no section can check alone.

    Args:
        config: The whole configuration.
        recipe: Resolves a recipe's name for a dataset.
        studies: All studies by name.

    Raises:
        UserError: One line that names the key and the remedy.
    """
    for name in config.datasets:
        if not re.fullmatch(DATASET_PATTERN, name):
            raise UserError(f"config: datasets.{name}: use lower case letters, digits and _ in a dataset's name")
    if config.dataset is not None:
        known("dataset", config.dataset, "dataset", config.datasets)
    for item, about in config.items.items():
        known(f"items.{item}.study", about.study, "study", studies)
        for name in about.datasets:
            known(f"items.{item}.datasets", name, "dataset", config.datasets)
        for name in about.recipes:
            known(f"items.{item}.recipes", name, "recipe", config.recipes)
        _axes_fit(config, item, studies[about.study])
        _sweeps_are_chosen_from(config, item, studies[about.study])
    check_arms(config, recipe, studies)
    if config.dataset is None:
        for item, about in config.items.items():
            item_fits(config, item, studies[about.study], recipe)
    _studies_fit(config, recipe)


def _studies_fit(config: Config, recipe: Resolve) -> None:
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


def item_fits(config: Config, item: str, study: Study, recipe: Resolve) -> None:
    """Check that the datasets of an item fit its recipes and its study.

    With `dataset`, items are drawn from another dataset than they are meant for, and not each of them can be; so there
    it is asked for when an item is planned.

    Args:
        config: The whole configuration.
        item: Its name.
        study: The study that it is drawn from.
        recipe: Resolves a recipe's name for a dataset.

    Raises:
        UserError: One line that names the key and the remedy.
    """
    for dataset in config.item_datasets(item):
        study.check_dataset(config, item, dataset)
        for name in config.item_models(item):
            complaint = study.refuses(recipe(config, name, dataset))
            if complaint is not None:
                raise UserError(f"config: items.{item}.recipes: {name!r} {complaint.format(item=item)}")
    for dataset, name in _models(config, item, study):
        _starts_fit(config, recipe, name, dataset)
        _recipe_fits(name, recipe(config, name, dataset), dataset, config.datasets[dataset])


def _models(config: Config, item: str, study: Study) -> dict[tuple[str, str], None]:
    """Return the datasets and recipes whose models an item needs."""
    if "arm" not in study.axes:
        return {(dataset, name): None for dataset in config.item_datasets(item) for name in config.item_models(item)}
    runs = [job.about for job in study.jobs_of_item(config, item)]
    starts = [(str(run["dataset"]), config.arms[str(run["arm"])].model) for run in runs]
    return {(dataset, name): None for dataset, name in starts if name is not None}


def own_study_fits(config: Config, dataset: str, recipe: Resolve) -> None:
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


def _axes_fit(config: Config, item: str, study: Study) -> None:
    axes, about_arms = config.items[item], "arm" in study.axes
    if "dataset" not in study.axes:
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


def _sweeps_are_chosen_from(config: Config, item: str, study: Study) -> None:
    if study.chooses:
        return
    for name in config.items[item].recipes:
        if config.members(name) != (name,):
            raise UserError(
                f"config: items.{item}.recipes: {name!r} is a sweep, and {item} does not choose among its members; "
                "give a recipe without a sweep"
            )


def probes_fit(config: Config, item: str, name: str) -> None:
    """Check that a dataset has enough images for the probes that an item shows.

    Raises:
        UserError: One line that names the key and the remedy.
    """
    probe, dataset, budget = config.studies.probe, config.datasets[name], config.items[item].budget
    _budgets_fit("studies.probe.label_budgets", probe.label_budgets, probe.uses_validation, name, dataset)
    if budget is None or budget not in probe.label_budgets:
        shown = ", ".join(map(str, probe.label_budgets))
        raise UserError(
            f"config: items.{item}.budget: {budget} is none of studies.probe.label_budgets ({shown}); "
            f"give one of them, or leave {item} out of items"
        )
    if probe.uses_validation:
        _has_validation(name, dataset, "use select: last without learning_rates")
    if probe.trajectory and config.items[item].trajectory:
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


def _starts_fit(config: Config, resolve: Resolve, name: str, dataset: str) -> None:
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
