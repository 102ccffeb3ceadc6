"""Figure 7: samples from one code, for codes of several sizes."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from drl.config.drawings import ItemJob
from drl.reporting import style
from drl.reporting.aggregate import over_seeds
from drl.reporting.pictures import Files, beside, show

PICTURES = (".png",)
SAMPLES = True
AXES = ["scale", "study", "dataset", "recipe", "metric"]
SIDE = 1.9  # inches
CAPTION = """
{{ studies.one_code.columns ** 2 }} samples from the code of one test image, for codes of several sizes, and the
samples' mean pairwise distance (root mean squared, pixels in [0, 1]): what a code of that size leaves open. Error bars
are one standard deviation over pretraining seeds; the samples are those of the first seed.
"""


def table(frame: pd.DataFrame, settings: ItemJob) -> pd.DataFrame:
    """Return the samples' mean pairwise distance and the code's size, with mean and deviation over seeds."""
    return over_seeds(frame, AXES)


def draw(numbers: pd.DataFrame, settings: ItemJob, files: Files) -> Figure:
    """Draw one row per dataset: samples of each recipe, and their mean pairwise distance against the code's size."""
    datasets, recipes = settings.datasets, settings.recipes
    lines, columns = len(datasets), len(recipes) + 1
    figure, axes = style.panels(lines, columns, (SIDE * columns + 0.3, (SIDE + 0.3) * lines))
    for row, (dataset, title) in zip(axes, datasets, strict=True):
        rows = numbers[numbers["dataset"] == dataset].pivot(index="recipe", columns="metric", values=["mean", "sd"])
        sizes, distances = rows["mean", "code_size"], rows["mean", "mean_pairwise_distance"]
        for panel, (recipe, _) in zip(row, recipes, strict=False):
            show(panel, beside(files[dataset, recipe], ".png"))
            panel.set_title(f"{title}, {sizes[recipe]:g}-d code")
        order = sizes.sort_values().index
        last = row[-1]
        deviations = rows["sd", "mean_pairwise_distance"]
        several = numbers["n_seeds"].max() > 1
        last.errorbar(
            sizes[order],
            distances[order],
            yerr=deviations[order] if several else None,
            marker="o",
            color="#0072B2",
            ecolor="black",
            capsize=3,
            elinewidth=1,
        )
        last.set_xscale("log", base=2)
        last.set_xticks(list(sizes[order]), [f"{size:g}" for size in sizes[order]])
        last.set_ylim(0, 1.2 * float((distances + deviations).max()))
        last.set(xlabel="size of the code", ylabel="mean distance\nof two samples")
    note = style.spread(numbers, shown="error bars")
    style.footnote(figure, f"{note}; samples: first seed" if numbers["n_seeds"].max() > 1 else note)
    return figure
