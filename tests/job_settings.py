"""Jobs and items as tests name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drl.config.items import ItemSettings
from drl.config.schema import Config
from drl.pipeline.configuration import resolve
from drl.pipeline.items import item_jobs
from drl.pipeline.registry import STEPS
from drl.pipeline.step import PlannedJob
from drl.pipeline.studies.training import FINE_TUNE, PRETRAIN

CONFIG = resolve("paper")
ITEMS: Mapping[str, ItemSettings] = CONFIG.items
BUILT = tuple(ITEMS)


def settings_of(step: str, config: Config, *axes: str | int) -> dict[str, Any]:
    """Return the settings of a step's job, as rules hand them over, at those axes on which settings depend."""
    return STEPS[step].settings(config, *axes).slice()


def trained(dataset: str, recipe: str, seed: int) -> PlannedJob:
    """Return the pretraining of a recipe on a dataset with a seed."""
    return PRETRAIN.at(dataset=dataset, recipe=recipe, seed=seed)


def fine_tuned(dataset: str, arm: str, labels: int, split: int, seed: int) -> PlannedJob:
    """Return a fine-tuning."""
    return FINE_TUNE.at(dataset=dataset, arm=arm, labels=labels, split=split, seed=seed)


def fine_tunings(config: Config, item: str) -> tuple[PlannedJob, ...]:
    """Return the fine-tunings that an item is drawn from."""
    return tuple(job for job in item_jobs(config, item) if job.step is FINE_TUNE)
