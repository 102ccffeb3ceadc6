"""Figure 12: silhouette of 2-d codes against the single t that a model was trained on."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from drl.config.drawings import SilhouetteItem
from drl.reporting import style
from drl.reporting.aggregate import over_seeds

AXES = ["scale", "study", "dataset", "recipe", "t", "metric"]
CAPTION = """
Silhouette of the classes in 2-d codes of the test images, for models that were each trained at a single *t*. Lines
are means, bands one standard deviation over pretraining seeds.
"""


def table(frame: pd.DataFrame, settings: SilhouetteItem) -> pd.DataFrame:
    """Return mean and deviation over seeds for each dataset, recipe and t; members of a sweep count as one recipe."""
    base = {member: name for name, members in settings.members.items() for member in members}
    frame = frame[frame["recipe"].isin(base) & (frame["metric"] == "silhouette")]
    return over_seeds(frame.assign(recipe=frame["recipe"].map(base)), AXES)


def draw(numbers: pd.DataFrame, settings: SilhouetteItem) -> Figure:
    """Draw one panel per dataset and one line per recipe, with a band of one deviation over runs."""
    datasets = settings.datasets
    size = (style.PANEL_WIDTH * len(datasets) + 0.3, style.PANEL_HEIGHT + 0.3)
    figure, axes = style.panels(1, len(datasets), size)
    for panel, (dataset, title) in zip(axes[0], datasets, strict=True):
        style.curves(panel, numbers[numbers["dataset"] == dataset], "t", settings.recipes)
        panel.axhline(0, color="#999999", linewidth=0.7)
        panel.set(xlabel="the one $t$ of training", title=title, xlim=(-0.03, 1.03))
    axes[0, 0].set_ylabel("silhouette of the classes")
    note = style.spread(numbers)
    if len(settings.recipes) > 1:
        style.legend_below(figure, axes[0, 0], [note], of_paper=True, changed=settings.changed)
    else:
        style.footnote(figure, note)
    return figure
