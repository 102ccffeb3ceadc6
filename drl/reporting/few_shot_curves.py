"""Figure 8: accuracy over t of a support vector machine fitted to the codes of a few labelled images."""

from __future__ import annotations

import string
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from drl.errors import UserError
from drl.reporting import style
from drl.reporting.aggregate import over_seeds

AXES = ["scale", "study", "dataset", "recipe", "chosen_recipe", "labels", "t", "metric"]


def table(frame: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """Return mean and deviation of the test accuracy for each dataset, recipe, number of labels and t.

    For a recipe with a sweep, the member with the highest validation accuracy (mean over t and seeds, the first if
    several are equal) is shown for each dataset and number of labels; `chosen_recipe` names it.

    Args:
        frame: Few-shot metrics.
        settings: `datasets`, `recipes` and `labels` as in `draw`; `choices` maps a recipe to the members of its sweep.

    Raises:
        UserError: If a recipe or member lacks rows for a number of labels, or the validation accuracy to choose by.
    """
    parts = []
    for dataset, _ in settings["datasets"]:
        for recipe, _ in settings["recipes"]:
            members = settings.get("choices", {}).get(recipe, [recipe])
            for labels in settings["labels"]:
                rows = frame[(frame["dataset"] == dataset) & (frame["labels"] == labels)]
                member = _chosen(rows, members, f"{dataset}, {labels} labels")
                parts.append(rows[rows["recipe"] == member].assign(recipe=recipe, chosen_recipe=member))
    rows = pd.concat(parts)
    return over_seeds(rows[rows["metric"] == "test_accuracy"], AXES)


def _chosen(rows: pd.DataFrame, members: list[str], where: str) -> str:
    """Return the member that is best on validation images; test accuracy is not used."""
    validation = rows[rows["metric"] == "val_accuracy"].groupby("recipe")["value"].mean()
    for member in members:
        if member not in set(rows["recipe"]):
            raise UserError(
                f"few-shot, {where}: the metrics files have no rows of recipe {member!r}; "
                "give all files of this item, made with the current settings"
            )
        if len(members) > 1 and member not in validation:
            raise UserError(
                f"few-shot, {where}: recipe {member!r} belongs to a sweep but has no val_accuracy to choose by; "
                "measure it again with the current settings"
            )
    return members[0] if len(members) == 1 else max(members, key=lambda name: float(validation[name]))


def draw(numbers: pd.DataFrame, settings: dict[str, Any]) -> Figure:
    """Draw one row of panels per dataset, one column per number of labels, and one line per recipe.

    Models whose code does not depend on t give horizontal lines. Bands are one deviation over pretraining seeds.

    Args:
        numbers: Result of `table`.
        settings: `datasets` and `recipes` are pairs of name and title or legend name, in order; `labels` are the
            numbers of labels.
    """
    style.apply()
    datasets, recipes = dict(settings["datasets"]), dict(settings["recipes"])
    counts = settings["labels"]
    size = (style.PANEL_WIDTH * len(counts) + 0.4, style.PANEL_HEIGHT * len(datasets) + 0.4)
    figure, axes = plt.subplots(len(datasets), len(counts), figsize=size, squeeze=False, sharex=True)
    places = [(dataset, labels) for dataset in datasets for labels in counts]
    for k, (panel, (dataset, labels)) in enumerate(zip(axes.flat, places, strict=True)):
        rows = numbers[(numbers["dataset"] == dataset) & (numbers["labels"] == labels)]
        for recipe, label in recipes.items():
            style.curve(panel, rows[rows["recipe"] == recipe], "t", label, list(recipes.values()))
        panel.set_title(f"({string.ascii_lowercase[k % 26]}) {labels:,} labels")
        panel.set_xlim(-0.03, 1.03)
    for panel in axes[-1]:
        panel.set_xlabel("Time $t$")
    for panel, title in zip(axes[:, 0], datasets.values(), strict=True):
        panel.set_ylabel(f"{title}\ntest accuracy (%)")
    style.legend_below(figure, axes[0, 0])
    return figure
