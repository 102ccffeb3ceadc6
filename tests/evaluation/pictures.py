"""Read pictures that the studies write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def tiles(picture: Tensor, size: int) -> Tensor:
    """Undo `montage` for square images of `size` pixels: [C, H, W] -> [N, C, size, size], row by row."""
    channels, height, width = picture.shape
    cut = picture.reshape(channels, height // size, size, width // size, size)
    return cut.permute(1, 3, 0, 2, 4).reshape(-1, channels, size, size)


def load_png(path: Path) -> Tensor:
    """Read a picture that `save_png` wrote: uint8 [C, H, W]."""
    with Image.open(path) as image:
        pixels = np.array(image)
    return torch.from_numpy(pixels if pixels.ndim == 3 else pixels[..., None]).permute(2, 0, 1)
