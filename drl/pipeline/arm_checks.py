"""Checks of the ways to fine-tune: names that must exist, networks that must be equal.

Each raises a UserError of one line that names the key and the remedy.
"""

from __future__ import annotations

from collections.abc import Mapping

from drl.config.lists import known
from drl.config.networks import WideResNetSettings
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.errors import UserError, nearest
from drl.laplacenet.schedule import Schedule
from drl.pipeline.key_checks import all_known, named_plainly, require
from drl.pipeline.study import Study


def check_arms(config: Config, studies: Mapping[str, Study]) -> None:
    """Check arms and the items that show them, except for checks that depend on the number of a dataset's images."""
    recipes = {*config.recipes, *(member for name in config.recipes for member in config.members(name))}
    known("studies.fine_tune.network_of", config.studies.fine_tune.network_of, "recipe", recipes)
    named_plainly("arms", config.arms, "an arm")
    for name, arm in config.arms.items():
        if arm.model is not None:
            known(f"arms.{name}.model", arm.model, "recipe", recipes)
    all_known("studies.fine_tune.labels", config.studies.fine_tune.labels, "dataset", config.datasets)
    shown: dict[tuple[str, str], None] = {}
    for item, about in config.items.items():
        if "arm" in studies[about.study].axes:
            runs = _item_fits(config, item, studies[about.study])
            shown |= dict.fromkeys((str(run["arm"]), str(run["dataset"])) for run in runs)
    for name, dataset in shown:
        networks_fit(config, name, dataset)


def fine_tuning_fits(config: Config, dataset: str, labels: int) -> None:
    """Check that a dataset has enough images for a fine-tuning.

    It is called when a job is planned, so that small data can be used for other items, such as Figure 4 alone.
    """
    settings, study = config.datasets[dataset], config.studies.fine_tune
    key = f"studies.fine_tune.labels, dataset {dataset!r}"
    if study.select == "best_val":
        if not settings.validation:
            raise UserError(
                f"config: datasets.{dataset}.validation is 0 but studies.fine_tune.select is best_val; "
                "set it, or select: last"
            )
        require(
            settings.label_list is None,
            f"datasets.{dataset}.label_list",
            "its lists name images that are held out for validation; "
            "set studies.fine_tune.select: last, or unset label_list",
        )
    most = settings.train - (settings.validation if study.select == "best_val" else 0)
    enough = labels >= settings.classes
    require(enough, key, f"{labels} labels cannot cover {settings.classes} classes; give at least {settings.classes}")
    require(labels <= most, key, f"{labels} labels are more than its {most} training images; give fewer")
    padding, size = study.crop_padding(settings.image_size), settings.image_size
    fits = padding < size
    require(fits, "studies.fine_tune.padding", f"{padding} is too much for {size} pixels; give less")
    try:
        schedule = Schedule.of(labels, most, study)
    except UserError as error:
        raise UserError(f"config: {key}: {error}") from error
    first, more = study.supervised_epochs, study.early_epoch - study.supervised_epochs
    require(
        schedule.epochs >= study.early_epoch,
        key,
        f"{labels} labels give {schedule.epochs} epochs, and studies.fine_tune.early_epoch is {study.early_epoch}; "
        f"give at least {first * schedule.steps(0) + more * schedule.semi_steps} steps, or an earlier one",
    )


def _item_fits(config: Config, item: str, study: Study) -> list[dict[str, str | int]]:
    """Check an item about fine-tuning, and return the axes of its runs."""
    axes, key = config.items[item], f"items.{item}.arms"
    all_known(key, axes.arms, "arm", config.arms)
    all_known(f"items.{item}.labels", axes.labels or {}, "dataset", config.datasets)
    for row in axes.beyond:
        beyond, column = f"items.{item}.beyond", row.in_place_of
        known(beyond, row.arm, "arm", config.arms)
        known(beyond, row.dataset, "dataset", config.datasets)
        require(column in axes.arms, beyond, f"{column!r} is not a column of {item}; {nearest(column, axes.arms)}")
    for name in axes.arms if axes.table is None else ():
        require(
            config.arms[name].t_init != "search",
            key,
            f"{name!r} searches its start of t, which differs from run to run; leave it out",
        )
    runs = [job.about for job in study.jobs_of_item(config, item)]
    for arm in {str(run["arm"]): None for run in runs} if axes.table is not None and not axes.table.early else ():
        require(
            config.arms[arm].until != "early",
            key,
            f"{arm!r} stops early, and {item} reads runs at their end; set arms.{arm}.until: end",
        )
    return runs


def networks_fit(config: Config, name: str, dataset: str) -> None:
    """Check that the classifier's network can be fine-tuned, and that an arm's model has the same network."""
    like, model = config.studies.fine_tune.network_of, config.arms[name].model
    wanted = resolve_recipe(config, like, dataset)
    require(
        isinstance(wanted.encoder, WideResNetSettings),
        "studies.fine_tune.network_of",
        f"the encoder of {like!r} is not a wide_resnet; give a recipe that has one",
    )
    if model is None:
        return
    found = resolve_recipe(config, model, dataset)
    for section in ("encoder", "pixels", "centre_inputs"):
        require(
            getattr(found, section) == getattr(wanted, section),
            f"arms.{name}.model",
            f"{model!r} has another `{section}` than {like!r} (studies.fine_tune.network_of); "
            "give a recipe with the same",
        )
