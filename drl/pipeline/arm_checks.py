"""Checks of the ways to fine-tune: names that must exist, networks that must be equal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from drl.config.lists import known
from drl.config.networks import WideResNetSettings
from drl.config.recipes import Recipe
from drl.config.schema import Config
from drl.errors import UserError, nearest
from drl.laplacenet.schedule import Schedule
from drl.pipeline.study import Study

ARM_PATTERN = r"[a-z0-9_]+"
Resolve = Callable[[Config, str, str], Recipe]


def check_arms(config: Config, recipe: Resolve, studies: Mapping[str, Study]) -> None:
    """Check arms, and the items that show them, so far as it does not depend on how many images a dataset has.

    Args:
        config: The whole configuration.
        recipe: Resolves a recipe's name for a dataset.
        studies: All studies by name.

    Raises:
        UserError: One line that names the key and the remedy.
    """
    like = config.studies.fine_tune.network_of
    recipes = {*config.recipes, *(member for name in config.recipes for member in config.members(name))}
    known("studies.fine_tune.network_of", like, "recipe", recipes)
    for name, arm in config.arms.items():
        if not re.fullmatch(ARM_PATTERN, name):
            raise UserError(f"config: arms.{name}: use lower case letters, digits and _ in an arm's name")
        if arm.model is not None:
            known(f"arms.{name}.model", arm.model, "recipe", recipes)
    for dataset in config.studies.fine_tune.labels:
        known("studies.fine_tune.labels", dataset, "dataset", config.datasets)
    shown: dict[tuple[str, str], None] = {}
    for item, about in config.items.items():
        study = studies[about.study]
        if "arm" in study.axes:
            runs = _item_fits(config, item, study)
            shown |= dict.fromkeys((str(run["arm"]), str(run["dataset"])) for run in runs)
    for name, dataset in shown:
        networks_fit(config, recipe, name, dataset)


def fine_tuning_fits(config: Config, dataset: str, labels: int) -> None:
    """Check that a dataset has enough images for a fine-tuning.

    Asked for when a job is planned, so that who draws only Figure 4 from small data need not care.

    Raises:
        UserError: One line that names the key and the remedy.
    """
    settings, study = config.datasets[dataset], config.studies.fine_tune
    where = f"config: studies.fine_tune.labels, dataset {dataset!r}: "
    held_out = settings.validation if study.select == "best_val" else 0
    if study.select == "best_val" and not settings.validation:
        raise UserError(
            f"config: datasets.{dataset}.validation is 0 but studies.fine_tune.select is best_val; "
            "set it, or select: last"
        )
    if study.select == "best_val" and settings.label_list is not None:
        raise UserError(
            f"config: datasets.{dataset}.label_list: its lists name images that are held out for validation; "
            "set studies.fine_tune.select: last, or unset label_list"
        )
    if labels < settings.classes:
        raise UserError(f"{where}{labels} labels cannot cover {settings.classes} classes; give at least so many")
    if labels > settings.train - held_out:
        raise UserError(
            f"{where}{labels} labels are more than its {settings.train - held_out} training images; give fewer"
        )
    padding = study.crop_padding(settings.image_size)
    if padding >= settings.image_size:
        raise UserError(
            f"config: studies.fine_tune.padding: {padding} is too much for {settings.image_size} pixels; give less"
        )
    try:
        schedule = Schedule.of(labels, settings.train - held_out, study)
    except UserError as error:
        raise UserError(f"{where}{error}") from error
    if schedule.epochs < study.early_epoch:
        first, more = study.supervised_epochs, study.early_epoch - study.supervised_epochs
        needed = first * schedule.steps(0) + more * schedule.semi_steps
        raise UserError(
            f"{where}{labels} labels give {schedule.epochs} epochs, and studies.fine_tune.early_epoch is "
            f"{study.early_epoch}; give at least {needed} steps, or an earlier one"
        )


def _item_fits(config: Config, item: str, study: Study) -> list[dict[str, str | int]]:
    """Check an item about fine-tuning, and return the axes of its runs."""
    axes = config.items[item]
    for name in axes.arms:
        known(f"items.{item}.arms", name, "arm", config.arms)
    for dataset in axes.labels or {}:
        known(f"items.{item}.labels", dataset, "dataset", config.datasets)
    for row in axes.beyond:
        known(f"items.{item}.beyond", row.arm, "arm", config.arms)
        known(f"items.{item}.beyond", row.dataset, "dataset", config.datasets)
        if row.in_place_of not in axes.arms:
            raise UserError(
                f"config: items.{item}.beyond: {row.in_place_of!r} is no column of {item}; "
                f"{nearest(row.in_place_of, axes.arms)}"
            )
    for name in axes.arms if axes.table is None else ():
        if config.arms[name].t_init == "search":
            raise UserError(
                f"config: items.{item}.arms: {name!r} searches its start of t, which differs from run to run; "
                "leave it out"
            )
    runs = [job.about for job in study.jobs_of_item(config, item)]
    for run in runs if axes.table is not None and not axes.table.early else ():
        if config.arms[str(run["arm"])].until == "early":
            raise UserError(
                f"config: items.{item}.arms: {run['arm']!r} stops early, and {item} reads runs at their end; "
                f"set arms.{run['arm']}.until: end"
            )
    return runs


def networks_fit(config: Config, recipe: Resolve, name: str, dataset: str) -> None:
    """Check that the classifier has a network that can be fine-tuned, and that an arm's model has the same.

    Raises:
        UserError: One line that names the key and the remedy.
    """
    like, model = config.studies.fine_tune.network_of, config.arms[name].model
    wanted = recipe(config, like, dataset)
    if not isinstance(wanted.encoder, WideResNetSettings):
        raise UserError(
            f"config: studies.fine_tune.network_of: the encoder of {like!r} is no wide_resnet; "
            "give a recipe that has one"
        )
    if model is None:
        return
    found = recipe(config, model, dataset)
    for section in ("encoder", "pixels", "centre_inputs"):
        if getattr(found, section) != getattr(wanted, section):
            raise UserError(
                f"config: arms.{name}.model: {model!r} has another `{section}` than {like!r} "
                "(studies.fine_tune.network_of); give a recipe with the same"
            )
