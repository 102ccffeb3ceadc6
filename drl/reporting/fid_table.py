"""Table 6: FID of samples whose chains begin at t_init."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pandas as pd

from drl.config.drawings import FidItem
from drl.errors import UserError
from drl.reporting.aggregate import of_model, over_seeds
from drl.reporting.paper_values import PRIORS, paper_fids
from drl.reporting.table import Sheet, demo_remark

AXES = ["scale", "study", "dataset", "recipe", "arm", "t", "metric"]
NAMES = {
    "gaussian": "Gaussian",
    "uniform_gaussian": "Uniform + Gaussian",
    "mean_image": "Mean image + Gaussian (beyond the paper)",
}
CAPTION = """
FID of {{ studies.later_start.images }} samples to the training images, for chains that begin at *t_init*
{%- if studies.later_start.repeats > 1 %}
; mean and deviation over {{ studies.later_start.repeats }} disjoint sets of samples
{%- endif %}
. {% if "mean_image" in studies.later_start.priors -%}
The prior "mean image + Gaussian" is beyond the paper: chains begin from the mean of the training images with Gaussian
noise. {% endif -%}
Features:
{% if studies.fid.extractor == "inception" %}
Inception's, as in the paper.
{% else %}
those of a classifier trained on the dataset, since Inception's need a download; such FIDs compare with each other,
not with other people's.
{% endif %}
The run card beside the CSV names all that the score depends on.
"""


def table(frame: pd.DataFrame, settings: FidItem) -> pd.DataFrame:
    """Return mean and deviation of the FID for each dataset, recipe, prior and t_init.

    `published` is the paper's number if dataset and scale are the paper's.

    Raises:
        UserError: If a recipe on a dataset lacks rows.
    """
    # With one model, the deviation is over its disjoint sets of samples; with several, it is over models.
    sets = frame["seed"] if frame["seed"].nunique() > 1 else frame["split"].fillna(0)
    numbers = over_seeds(frame.assign(seed=sets), AXES)
    for dataset, recipe in product(settings.dataset_names(), settings.recipe_names()):
        if of_model(numbers, dataset, recipe).empty:
            raise UserError(f"table_6: the metrics files have no rows of recipe {recipe!r} on dataset {dataset!r}")
    published = pd.Series([_published(row, settings) for row in numbers.itertuples()], dtype="float64")
    return numbers.assign(published=published.to_numpy())


def sheet(numbers: pd.DataFrame, settings: FidItem) -> Sheet:
    """Return a table with one row per t_init and columns for each prior."""
    several = len(settings.datasets) * len(settings.recipes) > 1
    header = [*(["model"] if several else []), "t_init", "σ(t_init)", "steps saved"]
    header += [NAMES[prior] for prior in settings.priors]
    # Numbers of the paper stand only beside its own two priors.
    of_paper = [prior for prior in settings.priors if prior in PRIORS.values()]
    compared = of_paper if numbers["published"].notna().any() else []
    header += [f"{NAMES[prior]} (paper)" for prior in compared]
    rows = []
    for (dataset, title), (recipe, label) in product(settings.datasets, settings.recipes):
        mine = of_model(numbers, dataset, recipe)
        for t in settings.t_init:
            found = {prior: _row(mine, prior, t) for prior in settings.priors}
            sigma, saved = (_value(mine, metric, t) for metric in ("sigma", "steps_saved"))
            start = [f"{t:g}", f"{sigma:.2f}", f"{saved:.0f} %"]
            rows.append([*([f"{label}, {title}"] if several else []), *start, *map(_cell, found.values())])
            printed = [found[prior].published for prior in compared]
            rows[-1] += ["" if math.isnan(value) else f"{value:.2f}" for value in printed]
    return Sheet(_caption(settings), header, rows)


def _caption(settings: FidItem) -> str:
    titles = ", ".join(title for _, title in settings.datasets)
    features = {
        "inception": "Inception's features",
        "supervised": "features of a classifier trained on the dataset, not Inception's: compare with nobody else's",
    }[settings.extractor]
    sets = f" ({settings.repeats} disjoint sets: mean ± deviation)" if settings.repeats > 1 else ""
    remark = demo_remark(settings)
    return f"FID of {settings.images:,} samples{sets} to the training images of {titles}; {features}.{remark}"


def _value(rows: pd.DataFrame, metric: str, t: float) -> float:
    return float(rows[(rows["metric"] == metric) & (rows["t"] == t)]["mean"].iloc[0])


def _row(rows: pd.DataFrame, prior: str, t: float) -> Any:
    found = list(rows[(rows["arm"] == prior) & (rows["t"] == t)].itertuples())
    if not found:
        raise UserError(
            f"table_6: the metrics files have no rows of t_init {t:g}, prior {prior}; "
            "give files made with the current settings"
        )
    return found[0]


def _cell(row: Any) -> str:
    return f"{row.mean:.2f}" if row.n_seeds == 1 else f"{row.mean:.2f} ± {row.sd:.2f}"


def _published(row: Any, settings: FidItem) -> float | None:
    if settings.scale != "paper" or row.dataset != "cifar10" or row.metric != "fid":
        return None
    return paper_fids().get((row.arm, row.t))
