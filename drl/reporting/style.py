"""How every figure looks: one font size, one colour and one marker for each method, in every figure the same."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

# Okabe and Ito's palette, which the colour-blind can tell apart; markers and dashes tell apart in grey print.
STYLES: dict[str, tuple[str, str, str]] = {
    "VDRL": ("#D55E00", "o", "-"),
    "DRL": ("#0072B2", "s", "-"),
    "AE": ("#009E73", "^", "--"),
    "VAE": ("#CC79A7", "v", "--"),
    "SimCLR": ("#000000", "D", "-."),
    "SimCLR-Gauss": ("#7F7F7F", "d", "-."),
    "DAE": ("#E69F00", "P", ":"),
    "CDAE": ("#56B4E9", "X", ":"),
}
SPARE = [
    (colour, marker, "-")
    for colour, marker in zip(("#882255", "#117733", "#332288", "#AA4499"), ("*", "h", "<", ">"), strict=True)
]
PANEL_WIDTH, PANEL_HEIGHT = 2.6, 2.3  # inches


def of(label: str, labels: list[str]) -> tuple[str, str, str]:
    """Return colour, marker and dashes of a legend name.

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


def mark_demo(figure: Figure) -> None:
    """Say on the picture itself that it proves nothing."""
    figure.suptitle("demo scale: a machinery check, not evidence", fontsize=7, color="#666666", style="italic")


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the path's suffix, without a date, so that equal figures are equal files."""
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    figure.savefig(path, dpi=200, metadata=metadata)
