"""`drl figure`: draw an item from its metrics files, and keep the numbers that were drawn beside it."""

from __future__ import annotations

import sys
from functools import partial
from itertools import product
from pathlib import Path
from types import ModuleType

import pandas as pd

from drl.config.drawings import ItemJob
from drl.errors import UserError
from drl.jobs.job import Job
from drl.records.inputs import check_inputs
from drl.reporting import style
from drl.reporting.fonts import use_fonts_that_have
from drl.reporting.item import Writers, name_of, write_item
from drl.reporting.pictures import beside, first_seeds


def run(job: Job[ItemJob]) -> None:
    """Write the item's SVG, and PNG, CSV and run card beside it, as `write_item` does."""
    write_item(job, "draw", _drawn)


def _drawn(job: Job[ItemJob], module: ModuleType, numbers: pd.DataFrame, read: dict[Path, str]) -> Writers:
    settings = job.settings
    found = set(zip(numbers["dataset"], numbers["recipe"], strict=True))
    for dataset, recipe in product(settings.dataset_names(), settings.recipe_names()):
        if (dataset, recipe) not in found:
            raise UserError(
                f"{name_of(job)}: the metrics files hold nothing of recipe {recipe!r} on dataset {dataset!r}; "
                "give all files of this item, made with the present settings"
            )
    shown: tuple[str, ...] = getattr(module, "PICTURES", ())
    files = first_seeds(job.inputs["metrics"])
    read |= check_inputs(beside(path, suffix) for path in files.values() for suffix in shown)
    picture = module.draw(numbers, settings, files) if shown else module.draw(numbers, settings)
    if settings.scale == "demo":
        style.mark_demo(picture, samples=getattr(module, "SAMPLES", False))
    if lacking := use_fonts_that_have(picture):
        print(f"drl: {name_of(job)}: {lacking}", file=sys.stderr)
        style.remark(picture, lacking)
    save = partial(style.save, picture)
    return {".svg": save, ".png": save}
