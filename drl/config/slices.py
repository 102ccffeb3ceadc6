"""What a job gets of the configuration. A change in a slice, and nothing else in the configuration, reruns the job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drl.config.check import few_shot_fits, learning_speed_fits
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.errors import UserError, nearest
from drl.files import fingerprint, sha256
from drl.items import ITEMS


def dataset_known(config: Config, dataset: str) -> str:
    """Return the name, after checking it.

    Raises:
        UserError: If there is no such dataset.
    """
    if dataset not in config.datasets:
        raise UserError(f"unknown dataset {dataset!r}; {nearest(dataset, config.datasets)}")
    return dataset


def prepare(config: Config, dataset: str) -> dict[str, Any]:
    """Settings of `drl prepare`: the dataset's section without its display name and without where its files lie.

    An image_folder is known by its folder alone, so there the folder stays.
    """
    section = config.datasets[dataset_known(config, dataset)].slice()
    elsewhere = ["title", "label_list", "download"] + ["folder"] * (section["source"] != "image_folder")
    return {"dataset": {key: value for key, value in section.items() if key not in elsewhere}}


def origins(config: Config) -> dict[str, dict[str, Any]]:
    """Where each dataset's files lie and whether they may be downloaded: handed to jobs outside their settings."""
    return {name: {"folder": known.folder, "download": known.download} for name, known in config.datasets.items()}


def pretrain(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """Settings of `drl pretrain`: the resolved recipe, when code usage is measured and how many snapshots are kept."""
    resolved = resolve_recipe(config, recipe, dataset_known(config, dataset))
    return {
        "recipe": resolved.slice(),
        "code_usage": config.studies.code_usage.slice(),
        "snapshots": config.studies.learning_speed.snapshots,
    }


def probe(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """Settings of `drl probe`, with `all` in the label budgets resolved to the number of training images."""
    section = config.studies.probe.slice()
    section["label_budgets"] = budgets(config, dataset_known(config, dataset))
    # The method's file makes the codes, so it belongs to the code that decides the result.
    method = resolve_recipe(config, recipe, dataset).method.kind
    section.pop("dae_input")
    section |= _dae_input(config, method)
    return {"method": method, "probe": section, **_label_list(config, dataset)}


def few_shot(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """Settings of `drl few-shot`; where a sweep is to be decided, labels are left to validation for all recipes."""
    method = resolve_recipe(config, recipe, dataset_known(config, dataset)).method.kind
    few_shot_fits(config, dataset)
    section = config.studies.few_shot.slice() | {"validation": config.few_shot_validates}
    section |= _dae_input(config, method)
    return {"method": method, "few_shot": section, **_label_list(config, dataset)}


def learning_speed(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """Settings of `drl learning-speed`: the probe's protocol with one seed, on all training images but validation."""
    settings = config.datasets[dataset_known(config, dataset)]
    learning_speed_fits(config, dataset)
    section = config.studies.probe.slice()
    for key in ("t", "trajectory", "select", "learning_rates", "dae_input"):
        section.pop(key)
    section |= {"label_budgets": [settings.train - settings.validation], "seeds": section["seeds"][:1]}
    method = resolve_recipe(config, recipe, dataset).method.kind
    section |= _dae_input(config, method)
    return {"method": method, "probe": section, "t": list(config.studies.learning_speed.t)}


def _dae_input(config: Config, method: str) -> dict[str, str]:
    return {"dae_input": config.studies.probe.dae_input} if method == "dae" else {}


def _label_list(config: Config, dataset: str) -> dict[str, str | None]:
    lists = config.datasets[dataset].label_list
    return {"label_list": lists, "label_list_sha256": None if lists is None else _sha256_of_lists(Path(lists))}


def budgets(config: Config, dataset: str) -> list[int]:
    """Label budgets of a dataset, `all` resolved to the number of training images that probes may use."""
    protocol, settings = config.studies.probe, config.datasets[dataset]
    available = settings.train - (settings.validation if protocol.uses_validation else 0)
    return [available if budget == "all" else budget for budget in protocol.label_budgets]


def _sha256_of_lists(folder: Path) -> str:
    """Digest all label lists of a folder, so that an edited list reruns what read it."""
    files = sorted(folder.glob("*_balanced_labels/*.txt"))
    if not files:
        raise UserError(f"config: label_list: {folder} holds no <n>_balanced_labels/<split>.txt; give their folder")
    return fingerprint([[path.relative_to(folder).as_posix(), sha256(path)] for path in files])


def figure(config: Config, item: str) -> dict[str, Any]:
    """Settings of `drl figure`: who draws it, and names and budgets in the order of panels and lines."""
    datasets, recipes = config.item_datasets(item), config.items[item].recipes
    settings: dict[str, Any] = {
        "drawn_by": ITEMS[item].drawn_by,
        "scale": config.scale,
        # Lists, not mappings: the order of panels and lines must survive JSON with sorted keys.
        "datasets": [[name, config.datasets[name].title] for name in datasets],
        "recipes": [[name, resolve_recipe(config, config.members(name)[0]).label] for name in recipes],
    }
    position = ITEMS[item].budget
    if position is not None:
        settings["budgets"] = {name: budgets(config, name)[position] for name in datasets}
        settings["trajectory"] = config.studies.probe.trajectory and ITEMS[item].trajectory
    if ITEMS[item].study == "few_shot":
        settings["labels"] = list(config.studies.few_shot.labels)
        settings["choices"] = {name: list(config.members(name)) for name in recipes}
    if ITEMS[item].study == "learning_speed":
        speed = config.studies.learning_speed
        settings |= {"accuracy": speed.accuracy, "pairs": [list(pair) for pair in speed.pairs]}
    return settings
