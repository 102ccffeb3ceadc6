"""Figures 2 and 3: 2-d codes of the test images, the square of codes among them, and samples over that square."""

from __future__ import annotations

import math
from itertools import product

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from drl.config.drawings import ItemJob, LatentGridItem
from drl.records.metrics import MEAN, Cells
from drl.reporting import style
from drl.reporting.aggregate import of_model, over_seeds, read_frame
from drl.reporting.pictures import Files, beside, show

PICTURES = (".png", ".codes.csv")
SAMPLES = True
AXES = ["scale", "study", "dataset", "recipe", "metric"]
CODES = {"z_1": MEAN, "z_2": MEAN, "label": Cells(least=0, whole=True)}
NO_CODES = "is not a file of codes; remove it and run the job that makes it"
SIDE = 2.2  # inches
LEGEND_COLUMNS = 10
TICKED = 4  # times the square's half side: in a view that is wider, the labels of its bounds would touch
# The ten colours that colour-blind readers can distinguish best (Tol's muted scheme, and black).
CLASSES = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499", "#000000")
CAPTION = """
Left: 2-d codes of the test images, coloured by class; where codes are Gaussian, their means. Each axis covers the
codes, so that the axes have different scales. Middle: the same codes in equal axes, with the square that samples are
taken from. Right: samples from the codes on a {{ studies.latent_grid.cells }} x {{ studies.latent_grid.cells }} grid
over that square; every sample has noise of its own. *Focused* models were first trained with sigma
uniform, which is a focus on high noise, then with *t* uniform and the encoder frozen; the others with *t* uniform
alone. Above the middle: the silhouette of the classes, and the share of the variance of mean ink (brightness) that
a linear function of the code explains.
"""


def table(frame: pd.DataFrame, settings: ItemJob) -> pd.DataFrame:
    """Return mean and deviation over seeds of the silhouette and of ink's R^2, for each dataset and recipe."""
    return over_seeds(frame, AXES)


def draw(numbers: pd.DataFrame, settings: LatentGridItem, files: Files) -> Figure:
    """Draw one row per dataset and recipe: the first seed's codes, the same in equal axes, and its samples."""
    pairs = list(product(settings.datasets, settings.recipes))
    figure, axes = style.panels(len(pairs), 3, (3 * SIDE + 0.4, (SIDE + 0.6) * len(pairs) + 0.45))
    for row, ((dataset, title), (recipe, label)) in zip(axes, pairs, strict=True):
        metrics, extent = files[dataset, recipe], settings.extents[recipe]
        bounds = f"[{style.number(-extent, 'g')}, {extent:g}]²"
        codes = read_frame(beside(metrics, ".codes.csv"), [*CODES], NO_CODES, CODES)
        _scatter(row[0], codes, extent)
        row[0].set(
            title=f"{title}, {label}\ncodes, axes stretched", xlim=_limits(codes["z_1"]), ylim=_limits(codes["z_2"])
        )
        _scatter(row[1], codes, extent)
        _equal(row[1], codes, extent)
        row[1].set_title(f"{_caption(numbers, dataset, recipe)}\nequal axes, square {bounds}")
        show(row[2], beside(metrics, ".png"))
        _bounds(row[2], extent)
        row[2].set_title(f"samples over\nthe square {bounds}")
    _legend(figure, axes[0, 0], numbers)
    return figure


def _legend(figure: Figure, panel: Axes, numbers: pd.DataFrame) -> None:
    several = numbers["n_seeds"].max() > 1
    note = f"{style.over(numbers)}; codes and samples: first seed" if several else style.over(numbers)
    handles, labels = panel.get_legend_handles_labels()
    columns = min(len(labels), LEGEND_COLUMNS)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + style.LEGEND_ROW * (math.ceil(len(labels) / columns) - 1))
    legend = figure.legend(
        handles,
        labels,
        title=note,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        markerscale=3,
        handletextpad=0.2,
        columnspacing=1.0,
    )
    legend.get_title().set(**style.NOTE)


def _scatter(panel: Axes, codes: pd.DataFrame, extent: float) -> None:
    # Draw points in random order, so that the last class does not cover the others.
    shuffled = codes.sample(frac=1, random_state=0)
    colours = shuffled["label"].map(lambda label: CLASSES[int(label) % len(CLASSES)])
    panel.scatter(shuffled["z_1"], shuffled["z_2"], c=colours, s=2, linewidths=0, rasterized=True)
    for label in sorted(codes["label"].unique()):
        panel.scatter([], [], c=CLASSES[int(label) % len(CLASSES)], s=6, linewidths=0, label=str(int(label)))
    square = Rectangle((-extent, -extent), 2 * extent, 2 * extent, fill=False, color="black", linewidth=1.1, zorder=3)
    panel.add_patch(square)
    panel.set(xlabel="$z_1$", ylabel="$z_2$")
    panel.set_box_aspect(1)
    panel.locator_params(nbins=4)


def _equal(panel: Axes, codes: pd.DataFrame, extent: float) -> None:
    """Give both axes one scale, on which all codes and the whole square are in the panel."""
    ends = [_limits(pd.concat([codes[name], pd.Series([-extent, extent])])) for name in ("z_1", "z_2")]
    half = max(high - low for low, high in ends) / 2
    middles = [(low + high) / 2 for low, high in ends]
    panel.set(xlim=(middles[0] - half, middles[0] + half), ylim=(middles[1] - half, middles[1] + half))
    if half <= TICKED * extent:
        _ticks(panel, extent)


def _bounds(panel: Axes, extent: float) -> None:
    """Say which codes the edges of a picture of samples stand for; z_1 grows to the right, z_2 up."""
    panel.get_images()[0].set_extent((-extent, extent, -extent, extent))
    panel.set(xlabel="$z_1$", ylabel="$z_2$")
    _ticks(panel, extent)


def _ticks(panel: Axes, extent: float) -> None:
    places = [-extent, 0.0, extent]
    texts = [style.number(place, "g") for place in places]
    panel.set_xticks(places, texts)
    panel.set_yticks(places, texts)


def _limits(values: pd.Series[float]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * (high - low) or 1.0
    return low - margin, high + margin


def _caption(numbers: pd.DataFrame, dataset: str, recipe: str) -> str:
    rows = of_model(numbers, dataset, recipe).set_index("metric")["mean"]
    return f"silhouette {style.number(rows['silhouette'], '.2f')}, ink $R^2$ {style.number(rows['ink_r2'], '.2f')}"
