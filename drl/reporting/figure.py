"""`drl figure`: draw an item from its metrics files, and keep the numbers that were drawn beside it."""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from drl.errors import UserError
from drl.files import atomic
from drl.jobs.lock import job_lock
from drl.records.inputs import check_inputs
from drl.records.run_card import write_card
from drl.reporting import style
from drl.reporting.aggregate import read_all
from drl.reporting.pictures import beside, first_seeds


def figure(item: str, metrics: Sequence[Path], out: Path, settings: dict[str, Any], code: str) -> None:
    """Write `out` (an SVG), and PNG, CSV and run card beside it.

    Args:
        item: Name of the item.
        metrics: CSV files of its study.
        out: The SVG file.
        settings: `drawn_by` names the module of drl.reporting that draws it, `scale` is written on a demo's picture;
            the rest is for that module.
        code: Digest of the code, for the card.

    Raises:
        UserError: If a metrics file is missing, cut off, changed, or has no rows of this item.
    """
    started = time.monotonic()
    module = importlib.import_module(f"drl.reporting.{settings['drawn_by']}")
    read = check_inputs(metrics)
    numbers = module.table(read_all(metrics), settings)
    _check_complete(item, numbers, settings)
    shown: tuple[str, ...] = getattr(module, "PICTURES", ())
    files = first_seeds(metrics)
    read |= check_inputs(beside(path, suffix) for path in files.values() for suffix in shown)
    picture = module.draw(numbers, settings, files) if shown else module.draw(numbers, settings)
    if settings["scale"] == "demo":
        style.mark_demo(picture)
    outputs = [out, out.with_suffix(".png"), out.with_suffix(".csv")]
    with job_lock(item, out):
        with atomic(outputs[0]) as svg, atomic(outputs[1]) as png, atomic(outputs[2]) as csv:
            style.save(picture, svg)
            style.save(picture, png)
            numbers.to_csv(csv, index=False, lineterminator="\n", float_format="%.6g")
        seconds = round(time.monotonic() - started, 2)
        write_card("figure", outputs, settings, code, inputs=read, item=item, seconds=seconds)


def _check_complete(item: str, numbers: pd.DataFrame, settings: dict[str, Any]) -> None:
    found = set(zip(numbers["dataset"], numbers["recipe"], strict=True))
    for dataset, _ in settings["datasets"]:
        for recipe, _ in settings["recipes"]:
            if (dataset, recipe) not in found:
                raise UserError(
                    f"{item}: the metrics files hold nothing of recipe {recipe!r} on dataset {dataset!r}; "
                    "give all files of this item, made with the present settings"
                )
