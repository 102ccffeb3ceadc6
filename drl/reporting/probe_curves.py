"""Probe accuracy over t: Figures 4, 5, 9, 10, 11."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drl.reporting import style
from drl.reporting.aggregate import over_seeds

AXES = ["scale", "study", "dataset", "recipe", "labels", "t", "metric"]


def table(frame: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """Return the numbers of the figure: mean and deviation of the test accuracy for each dataset, recipe and t.

    Args:
        frame: Probe metrics.
        settings: `budgets` gives the number of labels for each dataset.
    """
    wanted = frame["labels"] == frame["dataset"].map(settings["budgets"])
    return over_seeds(frame[wanted & (frame["metric"] == "test_accuracy")], AXES)


def draw(numbers: pd.DataFrame, settings: dict[str, Any]) -> Figure:
    """Draw one panel a dataset, one line a recipe, a band of one deviation over pretraining seeds.

    Args:
        numbers: What `table` gave.
        settings: `datasets` and `recipes` are pairs of name and title or legend name, in order.
    """
    style.apply()
    datasets, recipes = dict(settings["datasets"]), dict(settings["recipes"])
    size = (style.PANEL_WIDTH * len(datasets) + 0.4, style.PANEL_HEIGHT + 0.4)
    figure, axes = plt.subplots(1, len(datasets), figsize=size, squeeze=False)
    for panel, (dataset, title) in zip(axes[0], datasets.items(), strict=True):
        rows = numbers[numbers["dataset"] == dataset]
        for recipe, label in recipes.items():
            _line(panel, rows[rows["recipe"] == recipe].sort_values("t"), label, list(recipes.values()))
        panel.set_title(f"{title}, {settings['budgets'][dataset]:,} labels")
        panel.set_xlabel("Time $t$")
        panel.set_xlim(-0.03, 1.03)
    axes[0, 0].set_ylabel("Test accuracy (%)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _line(panel: Axes, rows: pd.DataFrame, label: str, labels: list[str]) -> None:
    colour, marker, dashes = style.of(label, labels)
    panel.plot(rows["t"], rows["mean"], color=colour, marker=marker, linestyle=dashes, label=label)
    low, high = rows["mean"] - rows["sd"], rows["mean"] + rows["sd"]
    panel.fill_between(rows["t"], low, high, color=colour, alpha=0.2, linewidth=0)
