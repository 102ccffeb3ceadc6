"""Silhouettes of the classes in the codes of one dataset, over t."""

from __future__ import annotations

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
    """Return mean and deviation of the silhouette over seeds for each recipe and t, of metrics of drl code-view."""
    return over_seeds(frame[frame["metric"] == "silhouette"], AXES)


def draw(numbers: pd.DataFrame, settings: ItemJob) -> Figure:
    """Draw one line per recipe of the one dataset, with a band of one deviation over pretraining seeds."""
    ((_, title),) = settings.datasets
    figure, ((panel,),) = style.panels(1, 1, (style.PANEL_WIDTH + 0.9, style.PANEL_HEIGHT + 0.3))
    style.curves(panel, numbers, "t", settings.recipes)
    panel.axhline(0, color="#999999", linewidth=0.7)
    panel.set(xlabel="Time $t$", ylabel="Silhouette of the classes", title=title, xlim=(-0.03, 1.03))
    style.legend_below(figure, panel, [style.spread(numbers)], changed=settings.changed)
    return figure
