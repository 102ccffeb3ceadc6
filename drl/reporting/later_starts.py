"""Figure 13: samples of chains that begin at t_init."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from safetensors import SafetensorError

from drl.config.drawings import LaterStartItem
from drl.data.tensors import open_tensors
from drl.errors import UserError
from drl.evaluation.sample_sets import sample_name
from drl.reporting import style
from drl.reporting.aggregate import of_model, over_seeds
from drl.reporting.pictures import Files, beside, show_pixels

PICTURES = (".safetensors",)
SAMPLES = True
AXES = ["scale", "study", "dataset", "recipe", "t", "metric"]
NAMES = {
    "gaussian": "Gaussian",
    "uniform_gaussian": "uniform\n+ Gaussian",
    "mean_image": "mean image\n+ Gaussian\n(beyond\nthe paper)",
}
WIDTH = 6.6  # inches
CAPTION = """
Samples of an unconditional model. Chains begin at *t_init*, from a Gaussian, and from an image of uniform pixels with
Gaussian noise (uniform drawn {{ studies.later_start.uniform | replace("_", " ") }}; the paper does not say how).
{% if "mean_image" in studies.later_start.priors -%}
The row "mean image + Gaussian" is beyond the paper: its chains begin from the mean of the training images with Gaussian
noise.
{% endif -%}
Samples in one column come from chains of equal length; their noise differs.
"""


def table(frame: pd.DataFrame, settings: LaterStartItem) -> pd.DataFrame:
    """Return sigma(t_init), the share of saved steps and the number of score evaluations for each t_init."""
    return over_seeds(frame, AXES)


def draw(numbers: pd.DataFrame, settings: LaterStartItem, files: Files) -> Figure:
    """Draw one panel per dataset and recipe: one row per prior, one column per t_init, a square of samples in each."""
    pairs = list(product(settings.datasets, settings.recipes))
    priors, starts = settings.priors, settings.t_init
    height = WIDTH * len(priors) / len(starts) + 0.9
    figure, axes = style.panels(len(pairs), 1, (WIDTH + 0.6, height * len(pairs)))
    for panel, ((dataset, title), (recipe, label)) in zip(axes[:, 0], pairs, strict=True):
        show_pixels(panel, _squares(beside(files[dataset, recipe], ".safetensors"), settings))
        values = of_model(numbers, dataset, recipe).pivot(index="t", columns="metric", values="mean")
        if missing := [t for t in starts if t not in values.index]:
            raise UserError(
                f"figure_13: the metrics files have no rows of t_init {missing[0]:g}; "
                "give files made with the current settings"
            )
        # Pixel centres are whole numbers, so the picture begins at -0.5.
        right, bottom = panel.get_xlim()[1] + 0.5, panel.get_ylim()[0] + 0.5
        column, row = right / len(starts), bottom / len(priors)
        sigma, saved = values["sigma"], values["steps_saved"]
        ticks = [f"$t_{{init}}$ = {t:g}\nσ = {sigma[t]:.3g}\nsaves {saved[t]:.0f} %" for t in starts]
        panel.set_xticks([column * (k + 0.5) - 0.5 for k in range(len(starts))], ticks)
        panel.set_yticks([row * (k + 0.5) - 0.5 for k in range(len(priors))], [NAMES[prior] for prior in priors])
        panel.tick_params(length=0)
        for k in range(1, len(starts)):
            panel.axvline(column * k - 0.5, color="white", linewidth=2)
        for k in range(1, len(priors)):
            panel.axhline(row * k - 0.5, color="white", linewidth=2)
        panel.set_title(f"{title}, {label}")
    return figure


def _squares(path: Path, settings: LaterStartItem) -> np.ndarray:
    """Return the first samples of all cells as one picture: uint8 [H, W] or [H, W, 3]."""
    rows = []
    try:
        with open_tensors(path, "np") as file:
            for prior in settings.priors:
                cells = [file.get_slice(sample_name(0, prior, t)) for t in settings.t_init]
                rows.append(np.concatenate([_square(cell, settings.shown) for cell in cells], axis=1))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: cannot be read ({error}); run drl later-start again") from error
    picture = np.concatenate(rows)
    return picture[..., 0] if picture.shape[2] == 1 else picture


def _square(cell: Any, side: int) -> np.ndarray:
    """Arrange the first side^2 images [C, H, W] in a square, row by row: [side H, side W, C]."""
    images: np.ndarray = cell[: side**2]
    _, channels, height, width = images.shape
    tiles = images.reshape(side, side, channels, height, width)
    return tiles.transpose(0, 3, 1, 4, 2).reshape(side * height, side * width, channels)
