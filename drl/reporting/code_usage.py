"""How much the code helps the denoiser during training: one panel for each dataset and recipe."""

from __future__ import annotations

from itertools import cycle

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from drl.config.drawings import ItemJob
from drl.reporting import style
from drl.reporting.aggregate import of_model, over_seeds

AXES = ["scale", "study", "dataset", "recipe", "t", "step", "metric"]
MARKERS, DASHES = "osD^vPX", ("-", "--", "-.", ":")
CAPTION = """
How much higher the denoising loss is with another image's code than with the image's own, in percent of the latter,
over training and for several *t*; means over pretraining seeds. At zero the encoder has not begun to learn. Measured
on images marked as validation; unless a recipe says hold_out_validation, these are part of the training set.
"""


def table(frame: pd.DataFrame, settings: ItemJob) -> pd.DataFrame:
    """Return mean and deviation over seeds of all three quantities, for each dataset, recipe, t and step."""
    return over_seeds(frame, AXES)


def draw(numbers: pd.DataFrame, settings: ItemJob) -> Figure:
    """Draw how much the loss rises with another image's code instead of the image's own, one line for each t.

    The difference is shown relative to the loss with the own code, so that all t fit on one axis.
    """
    datasets, recipes = dict(settings.datasets), dict(settings.recipes)
    size = (style.PANEL_WIDTH * len(datasets) + 0.9, style.PANEL_HEIGHT * len(recipes))
    figure, axes = style.panels(len(recipes), len(datasets), size, sharex="col", sharey=True)
    cividis = plt.get_cmap("cividis")
    share = _share(numbers)
    # Colours of neighbouring t are too much alike, so markers and dashes tell them apart as well.
    looks = {
        t: {"color": cividis(float(t)), "marker": marker, "linestyle": dashes, "markersize": 4, "label": f"{t:g}"}
        for t, marker, dashes in zip(sorted(share["t"].unique()), cycle(MARKERS), cycle(DASHES), strict=False)
    }
    for row, (recipe, label) in zip(axes, recipes.items(), strict=True):
        for panel, (dataset, title) in zip(row, datasets.items(), strict=True):
            for t, line in of_model(share, dataset, recipe).groupby("t"):
                panel.plot(line["step"], 100 * line["share"], **looks[t])
            panel.axhline(0, color="black", linewidth=0.6)
            panel.set_title(f"{label}, {title}")
    for panel in axes[-1]:
        panel.set_xlabel("Training step")
    figure.supylabel("Loss with another image's code, above the own (%)", fontsize=8)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, title="Time $t$", loc="outside right upper", frameon=False, handlelength=3)
    style.footnote(figure, style.over(numbers))
    return figure


def _share(numbers: pd.DataFrame) -> pd.DataFrame:
    wide = numbers.pivot_table(index=["dataset", "recipe", "t", "step"], columns="metric", values="mean").reset_index()
    wide["share"] = wide["loss_other_code"] / wide["loss_own_code"] - 1
    return wide.sort_values("step")
