"""Find the pictures that lie beside metrics files, and show them in figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from drl.data.regular import open_regular
from drl.errors import UserError
from drl.records.metrics import read_metrics

AGAIN = "remove it and run the job that makes it"
MOST_PIXELS = 2**23  # of a picture beside metrics; the largest that a job draws, a grid of the paper's size, has 2**20
# The metrics file of a recipe's first seed, by dataset and recipe.
Files = Mapping[tuple[str, str], Path]


def first_seeds(metrics: Iterable[Path]) -> dict[tuple[str, str], Path]:
    """Return the metrics file of the first seed of each dataset and recipe."""
    found: dict[tuple[str, str], tuple[int, Path]] = {}
    for path in metrics:
        for row in read_metrics(path)[:1]:
            key, entry = (row["dataset"], row["recipe"]), (int(row["seed"] or 0), path)
            found[key] = min(found.get(key, entry), entry)
    return {key: path for key, (_, path) in found.items()}


def beside(metrics: Path, suffix: str) -> Path:
    """Return the file with another suffix beside a metrics file.

    Raises:
        UserError: If there is none.
    """
    path = metrics.with_suffix(suffix)
    if not path.is_file():
        raise UserError(f"{path}: is missing, although {metrics} exists; run the job that makes both again")
    return path


def show(panel: Axes, path: Path) -> None:
    """Show a PNG pixel by pixel, without axes.

    Raises:
        UserError: If it is none, or larger than any that a job draws.
    """
    try:
        with open_regular(path) as stream, Image.open(stream, formats=["PNG"]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise UserError(f"{path}: has more than {MOST_PIXELS:,} pixels, which no job draws; {AGAIN}")
            pixels = np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: is no whole PNG; {AGAIN}") from error
    show_pixels(panel, pixels)


def show_pixels(panel: Axes, pixels: np.ndarray) -> None:
    """Show bytes [H, W] or [H, W, 3] pixel by pixel, without axes."""
    panel.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    panel.set(xticks=[], yticks=[])
    panel.grid(False)
