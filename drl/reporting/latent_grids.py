"""Figures 2 and 3: 2-d codes of the test images beside samples over a square of codes."""

from __future__ import annotations

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
# The ten colours that colour-blind readers can distinguish best (Tol's muted scheme, and black).
CLASSES = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499", "#000000")
CAPTION = """
Left of each pair: 2-d codes of the test images, coloured by class; where codes are Gaussian, their means. Right:
samples from the codes on a {{ studies.latent_grid.cells }} x {{ studies.latent_grid.cells }} grid over the square
that is drawn in the scatter; every sample has noise of its own. *Focused* models were first trained with sigma
uniform, which is a focus on high noise, then with *t* uniform and the encoder frozen; the others with *t* uniform
alone. Above each scatter: the silhouette of the classes, and the share of the variance of mean ink (brightness) that
a linear function of the code explains.
"""


def table(frame: pd.DataFrame, settings: ItemJob) -> pd.DataFrame:
    """Return mean and deviation over seeds of the silhouette and of ink's R^2, for each dataset and recipe."""
    return over_seeds(frame, AXES)


def draw(numbers: pd.DataFrame, settings: LatentGridItem, files: Files) -> Figure:
    """Draw one row per dataset, with a scatter plot of the first seed's codes and its samples for each recipe."""
    datasets, recipes = settings.datasets, settings.recipes
    size = (2 * SIDE * len(recipes), (SIDE + 0.5) * len(datasets) + 0.45)
    figure, axes = style.panels(len(datasets), 2 * len(recipes), size)
    for row, (dataset, title) in zip(axes, datasets, strict=True):
        for k, (recipe, label) in enumerate(recipes):
            metrics = files[dataset, recipe]
            extent = settings.extents[recipe]
            scatter, samples = row[2 * k], row[2 * k + 1]
            _scatter(scatter, read_frame(beside(metrics, ".codes.csv"), [*CODES], NO_CODES, CODES), extent)
            scatter.set_title(f"{title}, {label}\n{_caption(numbers, dataset, recipe)}")
            show(samples, beside(metrics, ".png"))
            samples.set_title(f"samples over\n[{-extent:g}, {extent:g}]²")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, markerscale=3)
    return figure


def _scatter(panel: Axes, codes: pd.DataFrame, extent: float) -> None:
    # Draw points in random order, so that the last class does not cover the others.
    shuffled = codes.sample(frac=1, random_state=0)
    colours = shuffled["label"].map(lambda label: CLASSES[int(label) % len(CLASSES)])
    panel.scatter(shuffled["z_1"], shuffled["z_2"], c=colours, s=2, linewidths=0, rasterized=True)
    for label in sorted(codes["label"].unique()):
        panel.scatter([], [], c=CLASSES[int(label) % len(CLASSES)], s=6, linewidths=0, label=str(int(label)))
    panel.add_patch(Rectangle((-extent, -extent), 2 * extent, 2 * extent, fill=False, color="#666666", linewidth=0.7))
    panel.set(xlabel="$z_1$", ylabel="$z_2$", xlim=_limits(codes["z_1"]), ylim=_limits(codes["z_2"]))
    # The panel is square and each axis covers the codes, which are often much wider in one direction.
    panel.set_box_aspect(1)
    panel.locator_params(nbins=4)


def _limits(values: pd.Series[float]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * (high - low) or 1.0
    return low - margin, high + margin


def _caption(numbers: pd.DataFrame, dataset: str, recipe: str) -> str:
    rows = of_model(numbers, dataset, recipe).set_index("metric")["mean"]
    return f"silhouette {rows['silhouette']:.2f}, ink $R^2$ {rows['ink_r2']:.2f}"
