"""How t of a fine-tuned classifier moves during training, with and without weight decay on it (beyond the paper)."""

from __future__ import annotations

from itertools import product
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from drl.config.drawings import TrajectoryArm, TrajectoryItem
from drl.errors import UserError
from drl.reporting import style
from drl.reporting.aggregate import over_seeds

AXES = ["scale", "study", "dataset", "recipe", "arm", "labels", "epoch", "metric"]
METRICS = ["t", "t_without_gradient"]
FOUND_IN_PAPER = (0.4, 0.6)  # range in which t ended in all experiments (App. G)
TITLES = {True: "weight decay on $t$", False: "no weight decay on $t$"}
BAND, DASHES = "#CCCCCC", (0, (2.5, 1.8))
# Both lines agree where data do not move t. So the learned t is a broad line, and the other one is drawn on it, thin
# and black, with a white edge that sets it off from dark colours.
BROAD: dict[str, Any] = {"linewidth": 4.5, "solid_capstyle": "butt"}
THIN: dict[str, Any] = {
    "color": "black",
    "linestyle": DASHES,
    "linewidth": 1.0,
    "path_effects": [withStroke(linewidth=2.2, foreground="white")],
}
END: dict[str, Any] = {"marker": "|", "markersize": 11, "markeredgewidth": 1.5, "linestyle": "none"}
CAPTION = """
The time *t* that a fine-tuned classifier gives its encoder, from several starts, with weight decay on its logit (as
in the authors' code) and without. Lines are means, bands one standard deviation over runs, which are pairs of a seed
and a split. Dashed, on top: the same start and the same weight decay without a gradient from data. Shaded: [0.4,
0.6], where *t* ended in all of the paper's experiments (App. G), which says that it was learned. Where solid and
dashed lines agree, weight decay alone moved it. They must agree, since batch normalisation takes out what a *t*
common to the batch adds, so that training gives *t* no gradient. How far weight decay pulls *t* to one half depends
on the length of the schedule.
"""


def table(frame: pd.DataFrame, settings: TrajectoryItem) -> pd.DataFrame:
    """Return mean and deviation over runs of t, and of t under weight decay alone, for each arm and outer epoch.

    A run is a pair of seed and split, as in Tables 1 to 5; n_seeds counts the runs.

    Raises:
        UserError: If an arm lacks one of the two on a dataset, or has no single start.
    """
    for line in settings.arms:
        _start(line)
    run = frame.groupby(["seed", "split"], dropna=False).ngroup()
    frame = frame.assign(seed=run)[frame["metric"].isin(METRICS)]
    parts = []
    for dataset, arm in product(settings.dataset_names(), [arm.name for arm in settings.arms]):
        labels = settings.labels[dataset]
        rows = frame[(frame["dataset"] == dataset) & (frame["arm"] == arm) & (frame["labels"] == labels)]
        if lacking := [metric for metric in METRICS if metric not in set(rows["metric"])]:
            raise UserError(
                f"t_trajectory: the metrics files have no {lacking[0]} of arm {arm!r} on {dataset} with {labels} "
                "labels; give all files of this figure, made with the current settings"
            )
        parts.append(rows)
    return over_seeds(pd.concat(parts), AXES)


def draw(numbers: pd.DataFrame, settings: TrajectoryItem) -> Figure:
    """Draw one row of panels per dataset, with and without weight decay on t, and one line per start of t.

    Thin dashed lines on top show the same start under weight decay alone, without a gradient from data. The shaded
    range is where t ended in the paper. Bands are one deviation over runs. All panels reach to the last epoch of any
    run; a stroke marks the end of runs that end before.
    """
    datasets = settings.datasets
    columns = [decays for decays in TITLES if any(arm.weight_decay_on_t is decays for arm in settings.arms)]
    colours = start_colours([_start(arm) for arm in settings.arms])
    height = max(style.PANEL_HEIGHT * len(datasets), style.LEGEND_ROW * (len(colours) + 9)) + 0.3
    size = (style.PANEL_WIDTH * len(columns) + 1.3, height)
    figure, axes = style.panels(len(datasets), len(columns), size, sharex="row", sharey=True)
    ended_early = False
    for row, (dataset, title) in zip(axes, datasets, strict=True):
        last = numbers.loc[numbers["dataset"] == dataset, "epoch"].max()
        for panel, decays in zip(row, columns, strict=True):
            for arm in (arm for arm in settings.arms if arm.weight_decay_on_t is decays):
                own = numbers[(numbers["dataset"] == dataset) & (numbers["arm"] == arm.name)]
                ended_early |= _line(panel, own, colours[_start(arm)], last)
            panel.axhspan(*FOUND_IN_PAPER, color=BAND, alpha=0.4, linewidth=0, zorder=0)
            panel.set(ylim=(-0.02, 1.02))
            panel.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        row[0].set_ylabel(f"{title}, {settings.labels[dataset]:,} labels\n$t$")
    for panel, decays in zip(axes[0], columns, strict=True):
        panel.set_title(TITLES[decays])
    for panel in axes[-1]:
        panel.set_xlabel("outer epoch")
    _legend(figure, colours, ended_early)
    style.footnote(figure, style.spread(numbers, of="run"))
    return figure


def _start(arm: TrajectoryArm) -> float:
    if isinstance(arm.t_init, str):
        raise UserError(
            f"t_trajectory: arm {arm.name!r} searches its start of t, which differs from run to run; "
            "remove the arm from this figure"
        )
    return arm.t_init


def start_colours(starts: list[float]) -> dict[float, Any]:
    """Return a colour for each start of t, from dark for the highest to light; each start looks the same everywhere.

    Colours follow the rank of the starts, not their value, so that close starts can be told apart as well as others.
    The colour map (viridis) suits colour-blind readers; its lightest tenth, which is faint on white, is left out.
    """
    distinct = sorted(set(starts))
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(distinct)))
    return {start: tuple(colour) for start, colour in reversed(list(zip(distinct, colours, strict=True)))}


def _line(panel: Axes, rows: pd.DataFrame, colour: Any, last: int) -> bool:
    """Draw both lines of an arm, and return whether its runs end before the last epoch."""
    learned = rows[rows["metric"] == "t"].sort_values("epoch")
    decayed = rows[rows["metric"] == "t_without_gradient"].sort_values("epoch")
    # Use a marker if the line would have no length.
    marker = "o" if len(learned) == 1 else None
    panel.plot(decayed["epoch"], decayed["mean"], marker=marker, markersize=2, zorder=3, **THIN)
    panel.plot(learned["epoch"], learned["mean"], color=colour, marker=marker, markersize=6, zorder=2, **BROAD)
    if (learned["n_seeds"] > 1).any():
        style.band(panel, learned, "epoch", colour)
    early = bool(learned["epoch"].max() < last)
    if early:
        panel.plot(learned["epoch"].iloc[-1:], learned["mean"].iloc[-1:], color=colour, zorder=4, **END)
    return early


def _legend(figure: Figure, colours: dict[float, Any], ended_early: bool) -> None:
    """List the starts of t from top to bottom, in the order in which the lines begin, then explain dashes and shade."""
    lines: dict[str, Any] = {f"{start:g}": Line2D([], [], color=colour, **BROAD) for start, colour in colours.items()}
    lines["without gradient\nfrom data"] = Line2D([], [], **THIN)
    lines["where $t$ ended\nin the paper"] = Patch(color=BAND, alpha=0.4, linewidth=0)
    if ended_early:
        lines["end of\nshorter runs"] = Line2D([], [], color="#555555", **END)
    figure.legend(
        lines.values(), lines.keys(), title="start of $t$", loc="outside right center", frameon=False, labelspacing=0.3
    )
