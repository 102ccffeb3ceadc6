"""Store many small images in one PNG, from which figures are drawn."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from torch import Tensor

from drl.files import atomic


def montage(images: Tensor, columns: int) -> Tensor:
    """Arrange images row by row without gaps: uint8 [N, C, H, W] -> [C, rows H, columns W], N = rows x columns."""
    n, channels, height, width = images.shape
    assert n % columns == 0
    tiles = images.reshape(n // columns, columns, channels, height, width)
    return tiles.permute(2, 0, 3, 1, 4).reshape(channels, n // columns * height, columns * width)


def save_png(path: Path, picture: Tensor) -> None:
    """Write uint8 [C, H, W], C = 1 or 3, as PNG."""
    pixels = picture.permute(1, 2, 0).numpy()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    with atomic(path) as temporary:
        image.save(temporary)
