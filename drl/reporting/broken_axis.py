"""A value axis whose lower part is compressed, so that a few lines far below the others do not squeeze these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

SHARE_OF_LINES = 0.25  # at most so many lines may be far below the others
SHARE_OF_AXIS = 0.5  # the others must fit into so much of the axis, else it stays whole
LOWER = 0.22  # height of the compressed part, as a share of the axis
MARGIN = 0.04  # above the highest and below the lowest value of a part, as a share of that part
LABEL = 0.06  # least distance of two tick labels, as a share of the axis
STEPS = (1, 2, 5, 10)  # of ticks
SHADE, EDGE = "#F0F0F0", "#888888"
EXPLAINED = "grey part of the axis is compressed"


class Extent(NamedTuple):
    """The lowest and the highest value that is drawn of one line, with its band."""

    low: float
    high: float


def lowest_of_the_rest(lines: Sequence[Extent]) -> float | None:
    """Return the lowest value of the lines that are not far below, or None if no line is.

    The rule: leave out the line that reaches lowest, then the next, up to a quarter of the lines. The axis is broken if
    all that lies above the lowest value of the others takes at most half of it. The names of the lines play no part.

    Args:
        lines: The extent of each line in a panel.
    """
    lows = sorted(line.low for line in lines)
    top = max((line.high for line in lines), default=0.0)
    for low in lows[1 : 1 + int(SHARE_OF_LINES * len(lines))]:
        if 0 < top - low <= SHARE_OF_AXIS * (top - lows[0]):
            return low
    return None


def break_axis(panel: Axes, lines: Iterable[Extent]) -> bool:
    """Compress the lower part of a panel's vertical axis if lines are far below the others, and mark that part.

    Nothing is left out: the axis has one scale above the mark and another one below. Axes that share the panel's
    vertical axis get the scale too.

    Args:
        panel: Axes with all lines drawn.
        lines: Their extents.

    Returns:
        Whether the axis is broken.
    """
    lines = list(lines)
    rest = lowest_of_the_rest(lines)
    if rest is None:
        return False
    lowest, highest = min(line.low for line in lines), max(line.high for line in lines)
    cut, top = rest - MARGIN * (highest - rest), highest + MARGIN * (highest - rest)
    bottom = lowest - 2 * MARGIN * (cut - lowest)
    shrink = LOWER / (1 - LOWER) * (top - cut) / (cut - bottom)

    def forward(values: np.ndarray) -> np.ndarray:
        return np.where(values >= cut, values, cut - (cut - values) * shrink)

    def inverse(places: np.ndarray) -> np.ndarray:
        return np.where(places >= cut, places, cut - (cut - places) / shrink)

    panel.set_yscale("function", functions=(forward, inverse))
    panel.set_ylim(bottom, top)
    panel.set_yticks(_ticks(bottom, cut, top, shrink))
    for part in [panel, *(other for other in panel.get_shared_y_axes().get_siblings(panel) if other is not panel)]:
        _mark(part, bottom, cut)
    return True


def _ticks(bottom: float, cut: float, top: float, shrink: float) -> list[float]:
    """Return ticks for both parts, whose labels do not touch."""
    above = [tick for tick in MaxNLocator(5, steps=STEPS).tick_values(cut, top) if cut <= tick <= top]
    below = [tick for tick in MaxNLocator(2, steps=STEPS).tick_values(bottom, cut) if bottom <= tick < cut]
    ticks, height = above[:1] or [top], (top - cut) / (1 - LOWER)
    for tick in reversed(below):
        last = min(ticks)
        place = cut + max(last - cut, (last - cut) * shrink)
        if place - (cut - (cut - tick) * shrink) >= LABEL * height:
            ticks.append(tick)
    return sorted({*ticks, *above})


def _mark(panel: Axes, bottom: float, cut: float) -> None:
    """Shade the compressed part, and put two strokes where the scale changes on both sides of the panel."""
    panel.axhspan(bottom, cut, color=SHADE, linewidth=0, zorder=0)
    panel.axhline(cut, color=EDGE, linewidth=0.7, linestyle=(0, (2, 2)), zorder=1)
    for side in (0, 1):
        panel.plot(
            [side],
            [cut],
            transform=panel.get_yaxis_transform(),
            marker=[(-1, -0.6), (1, 0.6)],
            markersize=8,
            color="black",
            markeredgecolor="black",
            linestyle="none",
            clip_on=False,
            zorder=5,
        )
