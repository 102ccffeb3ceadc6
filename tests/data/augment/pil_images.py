"""Images on which PIL's operations take all their ways, and the road to PIL and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

SIZES = ((8, 8), (28, 28), (32, 32), (84, 84), (8, 21), (32, 9))


def bytes_images(n: int, channels: int, height: int, width: int, seed: int = 0) -> Tensor:
    """Return uint8 [n + 7, C, H, W]: random smooth, noisy and dull images, constant ones, ones with few values."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, channels, height, width, generator=generator)
    coarse = torch.rand(n, channels, 4, 4, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    x[::3] = smooth[::3]
    x[1::3] = coarse[1::3, :, :1, :1] + 0.2 * (x[1::3] - 0.5)
    random = (255.99 * x.clamp(0, 1)).to(torch.uint8)
    constant = torch.tensor([0, 1, 128, 255], dtype=torch.uint8).view(4, 1, 1, 1).expand(4, *x.shape[1:])
    sparse = torch.zeros(3, *x.shape[1:], dtype=torch.uint8)
    sparse[0, ..., 1, 2] = 255
    sparse[1] = 200 + torch.randint(2, x.shape[1:], generator=generator, dtype=torch.uint8)
    sparse[2, :1] = 77
    sparse[2, :, 2:4] = 250
    return torch.cat([random, constant, sparse])


def each(images: Tensor, change: Callable[..., Image.Image], *magnitudes: Iterable[float]) -> Tensor:
    """Change one PIL image after another, with its own magnitudes, and return bytes [B, C, H, W]."""
    found = []
    for image, *own in zip(images, *magnitudes, strict=True):
        picture = Image.fromarray(image[0].numpy() if len(image) == 1 else image.permute(1, 2, 0).numpy())
        assert picture.mode == ("L" if len(image) == 1 else "RGB")
        changed = torch.from_numpy(np.array(change(picture, *own)))
        found.append(changed.view(*images.shape[2:], -1).permute(2, 0, 1))
    return torch.stack(found)
