"""The style of all figures: one font size, and the same colour and marker for a method in every figure."""

from __future__ import annotations

import math
import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drl.config.drawings import Pairs
from drl.markup import DEMO_NUMBERS, DEMO_SAMPLES
from drl.markup import width as width_of


class Look(NamedTuple):
    """How a method is drawn; a hollow marker means a variant of the method with the same colour and a filled marker."""

    colour: str
    marker: str
    dashes: str
    hollow: bool = False

    def marker_options(self) -> dict[str, Any]:
        """Return matplotlib's options for the colour and the marker."""
        face = "white" if self.hollow else self.colour
        return {"color": self.colour, "marker": self.marker, "markerfacecolor": face, "markeredgecolor": self.colour}


# Okabe and Ito's palette, which colour-blind readers can distinguish, and an indigo that is as far from all of it;
# markers and dashes differ in grey print too.
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
    "Score features": Look("#4B0092", ">", "-"),
    "Score features (EDM)": Look("#4B0092", ">", "--", hollow=True),
}
# The methods of the paper; a line with another name in a legend is marked as beyond the paper.
PAPER = ("VDRL", "DRL", "AE", "VAE", "SimCLR", "SimCLR-Gauss", "DAE", "CDAE")
BEYOND, BEYOND_NOTE = "†", "† beyond the paper"
# A recipe that comes with the project, with other settings than there.
CHANGED, CHANGED_NOTE = "‡", "‡ with changed settings"
NOTE = {"fontsize": 7, "color": "#666666", "style": "italic"}
SPARE = [
    Look(colour, marker, "-")
    for colour, marker in zip(("#882255", "#117733", "#332288", "#AA4499"), ("*", "h", "<", "p"), strict=True)
]
PANEL_WIDTH, PANEL_HEIGHT = 2.6, 2.3  # inches
LEGEND_ROW, NOTE_ROW = 0.17, 0.13  # inches
LEGEND_COLUMNS = 5
CHARACTERS_PER_INCH = 18  # at 7 points


def of(label: str, labels: Sequence[str]) -> Look:
    """Return the look of a legend name.

    Args:
        label: The name.
        labels: All names in the figure, so that names without a fixed style look different from each other.
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
        # Save letters as shapes, because a viewer without the font would mix two fonts.
        "svg.fonttype": "path",
        "svg.hashsalt": "drl",
        "figure.constrained_layout.use": True,
        # The sign for minus, as in `number` and in formulas, and not a hyphen.
        "axes.unicode_minus": True,
    }


def panels(rows: int, columns: int, size: tuple[float, float], **more: Any) -> tuple[Figure, np.ndarray]:
    """Return a figure in this style and its panels [rows, columns].

    Args:
        rows: Rows of panels.
        columns: Columns of panels.
        size: Width and height in inches.
        more: Options of `plt.subplots`, such as shared axes.
    """
    apply()
    return plt.subplots(rows, columns, figsize=size, squeeze=False, **more)


def curve(panel: Axes, rows: pd.DataFrame, x: str, label: str, labels: Sequence[str], look: Look | None = None) -> None:
    """Draw a method's line, and a band of one deviation over pretraining seeds.

    Args:
        panel: Axes to draw on.
        rows: The method's rows with columns `x`, mean and sd, in any order.
        x: Column for the horizontal axis.
        label: Legend name of the method.
        labels: All names in the figure.
        look: How it is drawn, if not as its name says.
    """
    rows, look = rows.sort_values(x), look or of(label, labels)
    panel.plot(rows[x], rows["mean"], linestyle=look.dashes, label=label, **look.marker_options())
    band(panel, rows, x, look.colour)


def band(panel: Axes, rows: pd.DataFrame, x: str, colour: Any) -> None:
    """Fill one deviation on both sides of the means of sorted rows."""
    low, high = rows["mean"] - rows["sd"], rows["mean"] + rows["sd"]
    panel.fill_between(rows[x], low, high, color=colour, alpha=0.2, linewidth=0)


def curves(panel: Axes, rows: pd.DataFrame, x: str, recipes: Pairs) -> None:
    """Draw the line and band of each recipe, given by name and legend name."""
    for recipe, label in recipes:
        curve(panel, rows[rows["recipe"] == recipe], x, label, [label for _, label in recipes])


def legend_shape(labels: list[str], width: float) -> tuple[int, int]:
    """Return the columns (at most LEGEND_COLUMNS) and rows of a legend that fits below a figure.

    Args:
        labels: Names in the legend.
        width: Width of the figure in inches.
    """
    column = 0.65 + 0.06 * max(map(width_of, labels))  # width of handle and space, then of the letters at 8 points
    most = max(1, min(LEGEND_COLUMNS, int(width / column)))
    rows = math.ceil(len(labels) / most)
    return math.ceil(len(labels) / rows), rows


def legend_below(
    figure: Figure, panel: Axes, notes: Sequence[str] = (), of_paper: bool = False, changed: Sequence[str] | None = None
) -> None:
    """Put one legend for all panels below them, and make the figure taller if it has more than one row.

    Args:
        figure: The figure.
        panel: One of its panels, which has all lines.
        notes: What stands above the legend: what lines and bands are, as `spread` says it, and more.
        of_paper: Whether it is a figure of the paper. Methods that the paper does not have then get a mark behind their
            names.
        changed: Legend names of recipes with changed settings, which get another mark.
    """
    handles, labels = panel.get_legend_handles_labels()
    width, height = figure.get_size_inches()
    beyond = [BEYOND if of_paper and label not in PAPER else "" for label in labels]
    marks = [mark + CHANGED * (label in (changed or ())) for mark, label in zip(beyond, labels, strict=True)]
    names = [f"{label} {mark}".rstrip() for label, mark in zip(labels, marks, strict=True)]
    columns, rows = legend_shape(names, width)
    also = [note for note in (BEYOND_NOTE, CHANGED_NOTE) if note[0] in "".join(marks)]
    lines = wrapped("; ".join(dict.fromkeys([*notes, *also])), width)
    figure.set_size_inches(width, height + LEGEND_ROW * (rows - 1) + NOTE_ROW * len(lines))
    legend = figure.legend(
        handles, names, loc="outside lower center", ncols=columns, frameon=False, title="\n".join(lines) or None
    )
    legend.get_title().set(multialignment="center", **NOTE)


def over(numbers: pd.DataFrame, of: str = "seed") -> str:
    """Say over how many models the means are.

    Args:
        numbers: The rows that are drawn, with column n_seeds.
        of: What is counted.
    """
    least, most = int(numbers["n_seeds"].min()), int(numbers["n_seeds"].max())
    if most == 1:
        return f"one {of}"
    return f"means over n = {most if least == most else f'{least} to {most}'} {of}s"


def spread(numbers: pd.DataFrame, of: str = "seed", shown: str = "bands") -> str:
    """Say what lines and bands are, and over how many models.

    Args:
        numbers: The rows that are drawn, with column n_seeds.
        of: What is counted.
        shown: What shows the deviation.
    """
    if (numbers["n_seeds"] > 1).any():
        return f"{over(numbers, of)}; {shown}: ± one standard deviation over them"
    return f"{over(numbers, of)}, so no {shown}"


def number(value: float, form: str) -> str:
    """Write a number with the sign for minus, as axes do; `form` is a format such as .2f, and gives no −0."""
    return f"{value:z{form}}".replace("-", "−")


def wrapped(text: str, width: float) -> list[str]:
    """Break a small text into lines that fit into a width in inches."""
    return textwrap.wrap(text, max(1, int(width * CHARACTERS_PER_INCH)))


def mark_demo(figure: Figure, samples: bool = False) -> None:
    """Write on the picture itself that it is no evidence, and why its samples are noise if it shows any."""
    remark(figure, DEMO_SAMPLES if samples else DEMO_NUMBERS)


def remark(figure: Figure, text: str) -> None:
    """Write a line above a picture, under what stands there."""
    above = figure.get_suptitle()
    width, height = figure.get_size_inches()
    more = wrapped(text, width)
    figure.set_size_inches(width, height + NOTE_ROW * len(more))
    lines = [*([above] if above else []), *more]
    figure.suptitle("\n".join(lines), **NOTE)


def footnote(figure: Figure, text: str) -> None:
    """Write what lines and bands are below a picture that has no legend there."""
    lines = wrapped(text, figure.get_figwidth())
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + NOTE_ROW * len(lines))
    figure.supxlabel("\n".join(lines), **NOTE)


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the path's suffix, without a date, so that equal figures give equal files."""
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    with warnings.catch_warnings():
        # `use_fonts_that_have` says so in one line.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(path, dpi=200, metadata=metadata)
