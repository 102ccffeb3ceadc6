"""What a job gets of the configuration. A change in a slice, and nothing else in the configuration, reruns the job."""

from __future__ import annotations

from typing import Any

from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.errors import UserError, nearest
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
    """Settings of `drl prepare`: the dataset's section without its display name."""
    section = config.datasets[dataset_known(config, dataset)].slice()
    for elsewhere in ("title", "label_list"):  # read by figures and by the probe
        section.pop(elsewhere)
    return {"dataset": section}


def pretrain(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """Settings of `drl pretrain`: the resolved recipe and when code usage is measured."""
    resolved = resolve_recipe(config, recipe, dataset_known(config, dataset))
    return {"recipe": resolved.slice(), "code_usage": config.studies.code_usage.slice()}


def probe(config: Config, dataset: str) -> dict[str, Any]:
    """Settings of `drl probe`, with `all` in the label budgets resolved to the number of training images."""
    settings = config.datasets[dataset_known(config, dataset)]
    protocol = config.studies.probe
    available = settings.train - (settings.validation if protocol.uses_validation else 0)
    section = protocol.slice()
    section["label_budgets"] = [available if budget == "all" else budget for budget in protocol.label_budgets]
    return {"probe": section, "label_list": settings.label_list}


def figure(config: Config, item: str) -> dict[str, Any]:
    """Settings of `drl figure`: who draws it, and names and budgets in the order of panels and lines."""
    datasets = config.item_datasets(item)
    settings: dict[str, Any] = {
        "drawn_by": ITEMS[item].drawn_by,
        "datasets": {name: config.datasets[name].title for name in datasets},
        "recipes": {name: resolve_recipe(config, name).label for name in config.items[item].recipes},
    }
    position = ITEMS[item].budget
    if position is not None:
        settings["budgets"] = {name: probe(config, name)["probe"]["label_budgets"][position] for name in datasets}
    return settings
