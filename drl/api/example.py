"""A small trained model that comes with the package, and ten images for it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from drl.api.model import Bytes, Model, load
from drl.config.project import PACKAGE
from drl.data.regular import read_regular
from drl.files import atomic
from drl.records.own_files import Writes, own_files
from drl.records.run_card import write_card

FOLDER = PACKAGE / "example"
IMAGES, SIZE = "images.png", 28  # ten images side by side
MOST_BYTES = 10**5
COUNT, ROWS, STEPS = 10, 3, 100
ENLARGED = 6
BETWEEN = 1  # pixels between images


def example() -> tuple[Model, Bytes]:
    """Return a small trained model and ten images that it was not trained on.

    The model is a VDRL with EDM's objective, of scale lite (seed 0, 20,000 steps on Fashion-MNIST at 14x14 pixels); its
    folder has a model card. The images are the second of each class of the test set, of 28x28 pixels (Xiao et al. 2017,
    MIT licence).

    >>> model, images = example()
    >>> images.shape
    (10, 28, 28, 1)
    >>> model.encode(images, t=0.5).shape
    (10, 64)

    Returns:
        The model on the CPU, and uint8 [10, 28, 28, 1].
    """
    with Image.open(io.BytesIO(read_regular(FOLDER / IMAGES, MOST_BYTES))) as sheet:
        pixels = np.asarray(sheet, dtype=np.uint8)
    return load(FOLDER, device="cpu"), pixels.reshape(SIZE, COUNT, SIZE, 1).swapaxes(0, 1).copy()


def example_picture(seed: int = 0) -> Bytes:
    """Return a picture of what the model does: a row of images as it sees them, then rows of samples from their codes.

    Args:
        seed: Seed of the samples.

    Returns:
        uint8 [height, width].
    """
    model, images = example()
    samples = model.sample(ROWS - 1, images=images, seed=seed, sampler={"steps": STEPS})
    rows = np.stack([model.prepared(images)[..., 0], *samples[..., 0].swapaxes(0, 1)])
    framed = np.pad(rows, ((0, 0), (0, 0), (0, BETWEEN), (0, BETWEEN)))
    return framed.swapaxes(1, 2).reshape(len(rows) * framed.shape[2], -1)[:-BETWEEN, :-BETWEEN]


def write(picture: Bytes, out: Path) -> None:
    """Write a picture, enlarged, with its run card.

    Raises:
        UserError: If there is another file of this name that this did not write and the user did not name.
    """
    height, width = picture.shape
    with own_files(Writes(command="example", about={}, files=[out], inputs=[FOLDER])):
        with atomic(out) as temporary:
            large = Image.fromarray(picture).resize((ENLARGED * width, ENLARGED * height), Image.Resampling.NEAREST)
            large.save(temporary, format="PNG")
        write_card("example", [out], {"steps": STEPS}, "")


def show(picture: Bytes) -> None:
    """Print a picture, if the output is a terminal."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(in_terminal(picture, console.width), end="")


def in_terminal(picture: Bytes, width: int) -> Text:
    """Return a grey picture as text: each sign is two pixels, one above the other.

    Args:
        picture: uint8 [height, width].
        width: Columns of the terminal; images that do not fit are left out.
    """
    side = (picture.shape[1] + BETWEEN) // COUNT
    shown = picture[:, : max(1, (width + BETWEEN) // side) * side - BETWEEN]
    even = np.pad(shown, ((0, len(shown) % 2), (0, 0)))
    text = Text()
    for above, below in zip(even[::2], even[1::2], strict=True):
        for top, bottom in zip(above.tolist(), below.tolist(), strict=True):
            text.append("\u2580", Style(color=_grey(top), bgcolor=_grey(bottom)))
        text.append("\n")
    return text


def _grey(value: int) -> Color:
    return Color.from_rgb(value, value, value)
