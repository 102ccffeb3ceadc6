"""Checks across sections: names must exist, budgets must fit, and image sizes must be divisible.

Each raises a UserError of one line that names the key and the remedy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drl.config.datasets import DatasetSettings
from drl.config.lists import known
from drl.config.networks import UNet
from drl.config.recipes import Recipe, is_file
from drl.config.resolve import LONGEST_LINE
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.errors import UserError
from drl.pipeline.arm_checks import check_arms
from drl.pipeline.key_checks import all_known, named_plainly, require
from drl.pipeline.own_images import unknown
from drl.pipeline.study import Study


def check(config: Config, studies: Mapping[str, Study]) -> None:
    """Check all that a single section cannot check; `studies` are all studies by name."""
    named_plainly("datasets", config.datasets, "a dataset")
    named_plainly("items", config.items, "an item")
    if config.dataset is not None and config.dataset not in config.datasets:
        raise UserError(f"config: dataset: {unknown(config.dataset, config.datasets)}")
    for item, about in config.items.items():
        known(f"items.{item}.study", about.study, "study", studies)
        all_known(f"items.{item}.datasets", about.datasets, "dataset", config.datasets)
        all_known(f"items.{item}.recipes", about.recipes, "recipe", config.recipes)
        _axes_fit(config, item, studies[about.study])
        _sweeps_are_chosen_from(config, item, studies[about.study])
    check_arms(config, studies)
    if config.dataset is None:
        for item, about in config.items.items():
            item_fits(config, item, studies[about.study])
    _studies_fit(config)


def _studies_fit(config: Config) -> None:
    all_known("studies.study.recipes", config.studies.study.recipes, "recipe", config.recipes)
    if config.studies.fid.extractor == "supervised":
        key, name = "studies.fid.recipe", config.studies.fid.recipe
        known(key, name, "recipe", config.recipes)
        method = resolve_recipe(config, name, next(iter(config.datasets))).method.kind
        require(method == "supervised", key, f"{name!r} is not of method supervised; give one that is")
    key = "studies.learning_speed.pairs"
    for first, second in config.studies.learning_speed.pairs:
        all_known(key, (first, second), "recipe", config.recipes)
        require(first != second, key, f"{first!r} is compared with itself; name two recipes")


def item_fits(config: Config, item: str, study: Study) -> None:
    """Check that the datasets of an item fit its recipes and the study that it is drawn from.

    With `dataset`, items are drawn from a dataset that they are not meant for, which is not possible for every item. So
    this check is then made when an item is planned.
    """
    for dataset in config.item_datasets(item):
        study.check_dataset(config, item, dataset)
        for name in config.item_models(item):
            complaint = study.refuses(resolve_recipe(config, name, dataset)) or ""
            require(not complaint, f"items.{item}.recipes", f"{name!r} {complaint.format(item=item)}")
    for dataset, name in _models(config, item, study):
        _model_fits(config, name, dataset)


def _models(config: Config, item: str, study: Study) -> dict[tuple[str, str], None]:
    """Return the datasets and recipes whose models an item needs."""
    if "arm" not in study.axes:
        return {(dataset, name): None for dataset in config.item_datasets(item) for name in config.item_models(item)}
    runs = [job.about for job in study.jobs_of_item(config, item)]
    starts = [(str(run["dataset"]), config.arms[str(run["arm"])].model) for run in runs]
    return {(dataset, name): None for dataset, name in starts if name is not None}


def own_study_fits(config: Config, dataset: str) -> None:
    """Check that a dataset has all that a study of it needs."""
    images, key = config.datasets[dataset], "studies.study.recipes"
    for name in config.studies.study.recipes:
        require(config.members(name) == (name,), key, f"{name!r} is a sweep; give a recipe without a sweep")
        recipe = resolve_recipe(config, name, dataset)
        has_codes = recipe.method.codes_by is not None
        require(has_codes, key, f"{name!r} has no encoder, and a study is about codes; give another recipe")
        if recipe.train_images is None and recipe.batch_size > images.train:
            raise UserError(
                f"dataset {images.title!r} has {images.train} training images, and recipe {name!r} takes "
                f"{recipe.batch_size} a step; add images, or set recipes.{name}.batch_size"
            )
        _model_fits(config, name, dataset)
    if not config.studies.probe.trajectory:
        raise UserError(
            "config: studies.probe.trajectory is false, and a study reads codes at the t that validation images "
            "choose; set it to true"
        )
    _has_validation(config, dataset, "study another dataset")


def _axes_fit(config: Config, item: str, study: Study) -> None:
    axes, key, about_arms = config.items[item], f"items.{item}", "arm" in study.axes
    if "dataset" not in study.axes:
        for name in ("datasets", "recipes", "arms", "labels", "beyond"):
            require(not getattr(axes, name), f"{key}.{name}", f"{item} makes its own data and models; leave it out")
        return
    require(bool(axes.datasets), key, "needs datasets; give datasets")
    wanted, other = ("arms", "recipes") if about_arms else ("recipes", "arms")
    fits = getattr(axes, wanted) and not getattr(axes, other)
    require(fits, key, f"needs {wanted}, and no {other}; give {wanted}")
    fits = about_arms or not (axes.labels or axes.beyond)
    require(fits, key, "only items about fine-tuning have labels and beyond; leave them out")


def _sweeps_are_chosen_from(config: Config, item: str, study: Study) -> None:
    for name in config.items[item].recipes:
        require(
            study.chooses or config.members(name) == (name,),
            f"items.{item}.recipes",
            f"{name!r} is a sweep, and {item} does not choose among its members; give a recipe without a sweep",
        )


def probes_fit(config: Config, item: str, dataset: str) -> None:
    """Check that a dataset has enough images for the probes that an item shows."""
    probe, budget = config.studies.probe, config.items[item].budget
    _budgets_fit(config, "studies.probe.label_budgets", probe.label_budgets, probe.uses_validation, dataset)
    require(
        budget in probe.label_budgets,
        f"items.{item}.budget",
        f"{budget} is none of studies.probe.label_budgets ({', '.join(map(str, probe.label_budgets))}); "
        f"give one of them, or leave {item} out of items",
    )
    if probe.uses_validation:
        _has_validation(config, dataset, "use select: last without learning_rates and validation")
    if probe.trajectory and config.items[item].trajectory:
        _has_validation(config, dataset, "set studies.probe.trajectory: false")


def few_shot_fits(config: Config, dataset: str) -> None:
    """Check that a dataset has enough images for few-shot fits.

    It is called when a job is planned, so that small data can be used for other items, such as Figure 4 alone.
    """
    labels, validates = config.studies.few_shot.labels, config.few_shot_validates
    _budgets_fit(config, "studies.few_shot.labels", labels, validates, dataset)
    if validates:
        _has_validation(config, dataset, "leave one value in each sweep, and studies.few_shot.validation: false")
        require(
            config.datasets[dataset].label_list is None,
            f"datasets.{dataset}.label_list",
            "its lists name images that something is chosen on; leave one value in each sweep, and "
            "studies.few_shot.validation: false, or unset label_list",
        )


def learning_speed_fits(config: Config, dataset: str) -> None:
    """Check that a dataset has the validation images that learning curves are measured on; see `few_shot_fits`."""
    _has_validation(config, dataset, "leave the dataset out of items.learning_curve")


def _has_validation(config: Config, dataset: str, otherwise: str) -> None:
    if config.datasets[dataset].validation == 0:
        raise UserError(
            f"config: datasets.{dataset}.validation is 0 but something is chosen on validation images; "
            f"set it, or {otherwise}"
        )


def _budgets_fit(config: Config, key: str, budgets: Sequence[int | str], validates: bool, dataset: str) -> None:
    about = config.datasets[dataset]
    most, fewest = about.labelled_at_most(validates), about.classes
    alike = "" if about.smallest_class is None else ", as many of each class"
    for budget in budgets:
        if isinstance(budget, str):
            continue
        require(
            budget <= most,
            key,
            f"{budget} labels are more than the {most} training images{alike} of dataset {dataset!r}; "
            f"use at most {most}, or `all`",
        )
        require(
            budget >= fewest,
            key,
            f"{budget} labels cannot cover the {fewest} classes of dataset {dataset!r}; use at least {fewest}",
        )


def _model_fits(config: Config, name: str, dataset: str) -> None:
    """Check that a recipe, and the recipes that it starts from, can be trained on a dataset."""
    _starts_fit(config, name, dataset)
    recipe, images, key = resolve_recipe(config, name, dataset), config.datasets[dataset], f"recipes.{name}"
    available = images.train - (images.validation if recipe.hold_out_validation else 0)
    of_images = f"the {available} training images of dataset {dataset!r}; use at most {available}"
    if recipe.train_images is not None:
        few = recipe.train_images <= available
        require(few, f"{key}.train_images", f"{recipe.train_images} are more than {of_images}")
        available = recipe.train_images
        of_images = f"the {available} training images of dataset {dataset!r}; use at most {available}"
    fits = recipe.batch_size <= available
    require(fits, f"{key}.batch_size", f"{recipe.batch_size} is more than {of_images}")
    _levels_fit(key, recipe, dataset, images)


def _levels_fit(key: str, recipe: Recipe, dataset: str, images: DatasetSettings) -> None:
    for section in ("encoder", "score", "decoder"):
        network = getattr(recipe, section)
        if isinstance(network, UNet):
            levels = len(network.channel_multipliers)
            require(
                images.image_size % 2 ** (levels - 1) == 0,
                f"{key}.{section}.channel_multipliers",
                f"{levels} levels halve {levels - 1} times, which {images.image_size} pixels of dataset {dataset!r} "
                "do not allow; use fewer levels",
            )


def _starts_fit(config: Config, name: str, dataset: str) -> None:
    """Follow `start_from` to its end."""
    chain, recipe = [name], resolve_recipe(config, name, dataset)
    while (before := recipe.start_from) is not None and not is_file(before):
        key = f"recipes.{chain[-1]}.start_from"
        try:
            other = resolve_recipe(config, before, dataset)
        except UserError as error:
            raise UserError(f"config: {key}: {str(error).removeprefix('config: ')}") from error
        for section in ("encoder", "score", "decoder", "pixels", "centre_inputs"):
            require(
                getattr(recipe, section) == getattr(other, section),
                key,
                f"{before!r} has another `{section}` than {chain[-1]!r}; "
                "start from a recipe with the same networks and pixels",
            )
        key = f"recipes.{name}.start_from"
        require(
            len(chain) <= LONGEST_LINE, key, f"more than {LONGEST_LINE} recipes start one from the other; use fewer"
        )
        way = " -> ".join([*chain, before])
        require(before not in chain, key, f"starts from itself through {way}")
        chain.append(before)
        recipe = other
