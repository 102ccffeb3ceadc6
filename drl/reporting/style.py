"""How every figure looks: one font size, one colour and one marker for each method, in every figure the same."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure


class Look(NamedTuple):
    """How a method is drawn; a hollow marker is a variant of the method with the same colour and a full one."""

    colour: str
    marker: str
    dashes: str
    hollow: bool = False

    def marker_options(self) -> dict[str, Any]:
        """Return matplotlib's options for the colour and the marker."""
        face = "white" if self.hollow else self.colour
        return {"color": self.colour, "marker": self.marker, "markerfacecolor": face, "markeredgecolor": self.colour}


# Okabe and Ito's palette, which the colour-blind can tell apart; markers and dashes tell apart in grey print.
STYLES: dict[str, Look] = {
    "VDRL": Look("#D55E00", "o", "-"),
    "DRL": Look("#0072B2", "s", "-"),
    "AE": Look("#009E73", "^", "--"),
    "VAE": Look("#CC79A7", "v", "--"),
    "SimCLR": Look("#000000", "D", "-."),
    "SimCLR-Gauss": Look("#7F7F7F", "d", "-."),
    "DAE": Look("#E69F00", "P", ":"),
    "CDAE": Look("#56B4E9", "X", ":"),
    "VDRL (EDM)": Look("#D55E00", "o", "--", hollow=True),
    "DRL (EDM)": Look("#0072B2", "s", "--", hollow=True),
}
SPARE = [
    Look(colour, marker, "-")
    for colour, marker in zip(("#882255", "#117733", "#332288", "#AA4499"), ("*", "h", "<", ">"), strict=True)
]
PANEL_WIDTH, PANEL_HEIGHT = 2.6, 2.3  # inches
LEGEND_ROW = 0.17  # inches
LEGEND_COLUMNS = 5


def of(label: str, labels: list[str]) -> Look:
    """Return the look of a legend name.

    Args:
        label: The name.
        labels: All names in the figure, so that names without a style of their own differ from each other.
    """
    if label in STYLES:
        return STYLES[label]
    others = [name for name in labels if name not in STYLES]
    return SPARE[others.index(label) % len(SPARE)]


def apply() -> None:
    """Set the style for all figures of this process."""
    matplotlib.use("Agg")
    sns.set_theme(context="paper", style="ticks")
    plt.rcParams |= {
        "font.size": 8,
        "axes.titlesize": 9,
        "axes.labelsize": 8,
        "legend.fontsize": 8,
        "legend.title_fontsize": 8,
        "legend.handlelength": 2.8,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "axes.grid": True,
        "grid.linewidth": 0.4,
        "grid.color": "#DDDDDD",
        "lines.linewidth": 1.4,
        "lines.markersize": 4,
        # Letters as shapes: a viewer without the font would mix two.
        "svg.fonttype": "path",
        "svg.hashsalt": "drl",
        "figure.constrained_layout.use": True,
    }


def curve(panel: Axes, rows: pd.DataFrame, x: str, label: str, labels: list[str]) -> None:
    """Draw a method's line, and a band of one deviation over pretraining seeds.

    Args:
        panel: Where.
        rows: The method's rows with columns `x`, mean and sd, in any order.
        x: Column of the horizontal axis.
        label: Legend name of the method.
        labels: All names in the figure.
    """
    rows, look = rows.sort_values(x), of(label, labels)
    panel.plot(rows[x], rows["mean"], linestyle=look.dashes, label=label, **look.marker_options())
    low, high = rows["mean"] - rows["sd"], rows["mean"] + rows["sd"]
    panel.fill_between(rows[x], low, high, color=look.colour, alpha=0.2, linewidth=0)


def legend_shape(labels: list[str], width: float) -> tuple[int, int]:
    """Return columns and rows of a legend that fits below a figure, at most LEGEND_COLUMNS wide.

    Args:
        labels: Its names.
        width: Of the figure, in inches.
    """
    column = 0.65 + 0.06 * max(map(len, labels))  # handle and space, then the letters at 8 points
    most = max(1, min(LEGEND_COLUMNS, int(width / column)))
    rows = math.ceil(len(labels) / most)
    return math.ceil(len(labels) / rows), rows


def legend_below(figure: Figure, panel: Axes) -> None:
    """Put one legend for all panels below them, and make the figure higher by its second and later rows."""
    handles, labels = panel.get_legend_handles_labels()
    width, height = figure.get_size_inches()
    columns, rows = legend_shape(labels, width)
    figure.set_size_inches(width, height + LEGEND_ROW * (rows - 1))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def mark_demo(figure: Figure) -> None:
    """Say on the picture itself that it proves nothing."""
    figure.suptitle("demo scale: a machinery check, not evidence", fontsize=7, color="#666666", style="italic")


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the path's suffix, without a date, so that equal figures are equal files."""
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    figure.savefig(path, dpi=200, metadata=metadata)
