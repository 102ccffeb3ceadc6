"""Table 6: FID of samples whose chains begin at t_init."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from drl.errors import UserError
from drl.reporting.aggregate import over_seeds
from drl.reporting.paper_values import paper_values
from drl.reporting.table import Sheet

AXES = ["scale", "study", "dataset", "recipe", "arm", "t", "metric"]
NAMES = {"gaussian": "Gaussian", "uniform_gaussian": "Uniform + Gaussian"}
PUBLISHED = {"gaussian": "gaussian", "uniform_gaussian": "uniform+gaussian"}


def table(frame: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """Return mean and deviation of the FID for each dataset, recipe, prior and t_init.

    `published` is the paper's number if dataset and scale are the paper's.

    Raises:
        UserError: If a recipe on a dataset lacks rows.
    """
    # With one model, the deviation is over its disjoint sets of samples; with several, it is over models.
    sets = frame["seed"] if frame["seed"].nunique() > 1 else frame["split"].fillna(0)
    numbers = over_seeds(frame.assign(seed=sets), AXES)
    for dataset, _ in settings["datasets"]:
        for recipe, _ in settings["recipes"]:
            if not ((numbers["dataset"] == dataset) & (numbers["recipe"] == recipe)).any():
                raise UserError(f"table_6: the metrics files have no rows of recipe {recipe!r} on dataset {dataset!r}")
    published = pd.Series([_published(row, settings) for row in numbers.itertuples()], dtype="float64")
    return numbers.assign(published=published.to_numpy())


def sheet(numbers: pd.DataFrame, settings: dict[str, Any]) -> Sheet:
    """Return a table with one row per t_init and columns for each prior.

    Args:
        numbers: Result of `table`.
        settings: `datasets` and `recipes` are pairs of name and title; `priors`, `t_init` in order; `extractor`,
            `images` and `scale` for the caption.
    """
    several = len(settings["datasets"]) * len(settings["recipes"]) > 1
    header = [*(["model"] if several else []), "t_init", "σ(t_init)", "steps saved"]
    header += [NAMES[prior] for prior in settings["priors"]]
    if numbers["published"].notna().any():
        header += [f"{NAMES[prior]} (paper)" for prior in settings["priors"]]
    rows = []
    for dataset, title in settings["datasets"]:
        for recipe, label in settings["recipes"]:
            mine = numbers[(numbers["dataset"] == dataset) & (numbers["recipe"] == recipe)]
            for t in settings["t_init"]:
                cells = [_cell(mine, prior, t) for prior in settings["priors"]]
                sigma, saved = (_value(mine, metric, t) for metric in ("sigma", "steps_saved"))
                start = [f"{t:g}", f"{sigma:.2f}", f"{saved:.0f} %"]
                rows.append([*([f"{label}, {title}"] if several else []), *start, *cells])
                if numbers["published"].notna().any():
                    rows[-1] += [_shown(mine, prior, t) for prior in settings["priors"]]
    return Sheet(_caption(settings), header, rows)


def _caption(settings: dict[str, Any]) -> str:
    titles = ", ".join(title for _, title in settings["datasets"])
    features = {
        "inception": "Inception's features",
        "supervised": "features of a classifier trained on the dataset, not Inception's: compare with nobody else's",
    }[settings["extractor"]]
    remark = " Demo scale: a machinery check, not evidence." if settings["scale"] == "demo" else ""
    sets = f" ({settings['repeats']} disjoint sets: mean ± deviation)" if settings.get("repeats", 1) > 1 else ""
    return f"FID of {settings['images']:,} samples{sets} to the training images of {titles}; {features}.{remark}"


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


def _cell(rows: pd.DataFrame, prior: str, t: float) -> str:
    row = _row(rows, prior, t)
    return f"{row.mean:.2f}" if row.n_seeds == 1 else f"{row.mean:.2f} ± {row.sd:.2f}"


def _shown(rows: pd.DataFrame, prior: str, t: float) -> str:
    row = _row(rows, prior, t)
    value = float(row.published)
    return "" if math.isnan(value) else f"{value:.2f}"


def _published(row: Any, settings: dict[str, Any]) -> float | None:
    if settings["scale"] != "paper" or row.dataset != "cifar10" or row.metric != "fid":
        return None
    values = paper_values(6)
    starts = values["variant"].str.removeprefix("t_init=").astype(float)
    found = values[(values["method"] == PUBLISHED[row.arm]) & (starts == row.t)]
    return float(found["value"].iloc[0]) if len(found) else None
