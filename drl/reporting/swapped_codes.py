"""Figure 6: x_t denoised with the codes of several images."""

from __future__ import annotations

from itertools import product

import pandas as pd
from matplotlib.figure import Figure

from drl.config.drawings import ItemJob
from drl.reporting import style
from drl.reporting.aggregate import of_model, over_seeds
from drl.reporting.pictures import Files, beside, show

PICTURES = (".png",)
SAMPLES = True
AXES = ["scale", "study", "dataset", "recipe", "t", "metric"]
CAPTION = """
*x_t* at *t* = {{ studies.code_swap.t }} is denoised by the probability-flow ODE with the codes of several images. Top
row: the images whose codes they are. Left column: *x_t*. On the diagonal an image gets its own code. Errors are root
mean squared differences to *x_0* of pixels in [0, 1]. The paper does not say which *t* it shows.
"""


def table(frame: pd.DataFrame, settings: ItemJob) -> pd.DataFrame:
    """Return mean and deviation over seeds of the errors to x_0 with an image's own code and with another's."""
    return over_seeds(frame, AXES)


def draw(numbers: pd.DataFrame, settings: ItemJob, files: Files) -> Figure:
    """Draw one panel per dataset and recipe, with one row per image and one column per code."""
    pairs = list(product(settings.datasets, settings.recipes))
    figure, axes = style.panels(1, len(pairs), (2.8 * len(pairs), 3.2))
    for panel, ((dataset, title), (recipe, label)) in zip(axes[0], pairs, strict=True):
        show(panel, beside(files[dataset, recipe], ".png"))
        rows = of_model(numbers, dataset, recipe).set_index("metric")
        t, errors = rows["t"].iloc[0], rows["mean"]
        panel.set_title(f"{title}, {label}, $t$ = {t:g}")
        panel.set_ylabel("$x_t$, and denoised with each code")
        own, other = errors["error_own_code"], errors["error_other_code"]
        panel.set_xlabel(f"error to $x_0$: own code {own:.3f}, another's {other:.3f}")
        panel.xaxis.set_label_position("bottom")
    return figure
