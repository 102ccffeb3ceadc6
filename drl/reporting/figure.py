"""`drl figure`: draw an item from its metrics files, and keep the numbers that were drawn beside it."""

from __future__ import annotations

import time
from itertools import product

import pandas as pd

from drl.config.drawings import ItemJob
from drl.errors import UserError
from drl.files import atomic
from drl.jobs.job import Job
from drl.jobs.lock import job_lock
from drl.records.inputs import check_inputs
from drl.records.run_card import write_card
from drl.reporting import style
from drl.reporting.aggregate import read_all
from drl.reporting.drawer import drawer, needing
from drl.reporting.pictures import beside, first_seeds


def run(job: Job[ItemJob]) -> None:
    """Write the item's SVG, and PNG, CSV and run card beside it.

    Args:
        job: Its inputs `metrics` are the CSV files of the item's studies; its settings name the module that draws the
            figure, which takes them too.

    Raises:
        UserError: If a metrics file is missing, cut off, changed, or has no rows of this item.
    """
    started, settings = time.monotonic(), job.settings
    item, metrics = str(job.about.get("item", job.study)), job.inputs["metrics"]
    module = drawer(settings, "draw")
    read = check_inputs(metrics)
    frame = read_all(metrics)
    with needing(item):
        numbers = module.table(frame, settings)
        _check_complete(item, numbers, settings)
    shown: tuple[str, ...] = getattr(module, "PICTURES", ())
    files = first_seeds(metrics)
    read |= check_inputs(beside(path, suffix) for path in files.values() for suffix in shown)
    with needing(item):
        picture = module.draw(numbers, settings, files) if shown else module.draw(numbers, settings)
    if settings.scale == "demo":
        style.mark_demo(picture)
    outputs = [job.out, job.out.with_suffix(".png"), job.out.with_suffix(".csv")]
    with job_lock(item, job.out):
        with atomic(outputs[0]) as svg, atomic(outputs[1]) as png, atomic(outputs[2]) as csv:
            style.save(picture, svg)
            style.save(picture, png)
            numbers.to_csv(csv, index=False, lineterminator="\n", float_format="%.6g")
        seconds = round(time.monotonic() - started, 2)
        about = {**job.about, "item": item}
        write_card(job.study, outputs, settings.slice(), job.code_digest, inputs=read, **about, seconds=seconds)


def _check_complete(item: str, numbers: pd.DataFrame, settings: ItemJob) -> None:
    found = set(zip(numbers["dataset"], numbers["recipe"], strict=True))
    for dataset, recipe in product(settings.dataset_names(), settings.recipe_names()):
        if (dataset, recipe) not in found:
            raise UserError(
                f"{item}: the metrics files hold nothing of recipe {recipe!r} on dataset {dataset!r}; "
                "give all files of this item, made with the present settings"
            )
