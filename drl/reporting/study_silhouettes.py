"""Silhouettes of the classes in the codes of one dataset, over t."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from drl.config.drawings import ItemJob
from drl.reporting import style
from drl.reporting.aggregate import over_seeds

AXES = ["scale", "study", "dataset", "recipe", "t", "metric"]
CAPTION = """
Mean silhouette of the classes in the codes of {{ shown }} test images, read at each time *t*. 1: classes are tight
and far apart; 0: they overlap; below 0: images are nearer to another class than to their own. Lines are means, bands
one standard deviation over pretraining seeds. Distances are Euclidean in the whole code.
"""


def table(frame: pd.DataFrame, settings: ItemJob) -> pd.DataFrame:
    """Return mean and deviation of the silhouette over seeds for each recipe and t.

    Args:
        frame: Metrics of drl code-view.
        settings: Not used.
    """
    return over_seeds(frame[frame["metric"] == "silhouette"], AXES)


def draw(numbers: pd.DataFrame, settings: ItemJob) -> Figure:
    """Draw one line per recipe, with a band of one deviation over pretraining seeds.

    Args:
        numbers: Result of `table`.
        settings: One dataset, and its recipes in the order of lines.
    """
    style.apply()
    ((_, title),), labels = settings.datasets, [label for _, label in settings.recipes]
    figure, panel = plt.subplots(figsize=(style.PANEL_WIDTH + 0.9, style.PANEL_HEIGHT + 0.3))
    for recipe, label in settings.recipes:
        style.curve(panel, numbers[numbers["recipe"] == recipe], "t", label, labels)
    panel.axhline(0, color="#999999", linewidth=0.7)
    panel.set(xlabel="Time $t$", ylabel="Silhouette of the classes", xlim=(-0.03, 1.03))
    panel.set_title(title)
    style.legend_below(figure, panel)
    return figure
