"""The numbers of labels of probes and few-shot fits on a dataset."""

from __future__ import annotations

from drl.config.schema import Config
from drl.pipeline.checks import few_shot_fits


def budgets(config: Config, dataset: str) -> list[int]:
    """Return the label budgets of probes on a dataset, with `all` resolved to the number of images that they may use.

    Budgets that the dataset does not allow are left out. If none is left, the largest allowed number is used.
    """
    protocol, settings = config.studies.probe, config.datasets[dataset]
    most = settings.labelled_at_most(protocol.uses_validation)
    wanted = [
        resolved(config, budget, dataset)
        for budget in protocol.label_budgets
        if budget == "all" or settings.classes <= budget <= most
    ]
    return wanted or [most]


def resolved(config: Config, budget: int | str, dataset: str) -> int:
    """Return a budget as a number; `all` is every training image that keeps its label."""
    settings = config.datasets[dataset]
    left_out = settings.validation if config.studies.probe.uses_validation else 0
    return settings.train - left_out if isinstance(budget, str) else budget


def item_budget(config: Config, item: str, dataset: str) -> int:
    """Return the label budget that an item shows on a dataset: its own, or the largest allowed one below it."""
    known = budgets(config, dataset)
    wanted = resolved(config, config.items[item].budget or "all", dataset)
    return wanted if wanted in known else max([budget for budget in known if budget < wanted], default=min(known))


def few_shot_labels(config: Config, dataset: str) -> list[int]:
    """Return the numbers of labels of few-shot fits; for a folder given as `dataset`, at most as many as it allows.

    Raises:
        UserError: If a configured dataset does not allow one of them.
    """
    settings, labels = config.datasets[dataset], config.studies.few_shot.labels
    if settings.contents is None:
        few_shot_fits(config, dataset)
        return list(labels)
    most = settings.labelled_at_most(config.few_shot_validates)
    return list(dict.fromkeys(max(settings.classes, min(wanted, most)) for wanted in labels))
