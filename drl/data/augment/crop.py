"""Mirror and crop reflect-padded images, each differently, in one gather."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Views:
    """The part of each of n padded images that is kept.

    Attributes:
        flipped: bool [n], whether the image is mirrored left to right before the padding.
        top: int64 [n] in 0..2 padding, first row of the padded image that is kept.
        left: First column, like `top`.
    """

    flipped: Tensor
    top: Tensor
    left: Tensor


def draw_views(n: int, flip: float, padding: int, generator: torch.Generator) -> Views:
    """Draw the views as torchvision's RandomHorizontalFlip and RandomCrop do.

    Args:
        n: Number of images.
        flip: Probability of a mirror image.
        padding: Pixels on each side; all (2 padding + 1)^2 crops are equally likely.
        generator: Source of randomness; the draws are on its device.
    """
    flipped = torch.rand(n, generator=generator, device=generator.device) < flip
    top, left = torch.randint(2 * padding + 1, (2, n), generator=generator, device=generator.device).unbind(0)
    return Views(flipped, top, left)


def flip_and_crop(images: Tensor, views: Views, padding: int) -> Tensor:
    """Mirror the chosen images, pad them by reflection without repeating the border, and crop to the original size.

    The result equals torchvision's hflip, pad (mode "reflect") and crop bit for bit.

    Args:
        images: [B, C, H, W], any type.
        views: Views of the B images, on the images' device.
        padding: Pixels on each side, below H and W.

    Returns:
        [B, C, H, W], contiguous.
    """
    height, width = images.shape[2:]
    rows = _reflected(views.top, height, padding)
    columns = _reflected(views.left, width, padding)
    columns = torch.where(views.flipped[:, None], width - 1 - columns, columns)
    source = (rows[:, :, None] * width + columns[:, None]).flatten(1)[:, None]
    pixels = images.flatten(2)
    return pixels.gather(2, source.expand_as(pixels)).view(images.shape)


def _reflected(start: Tensor, size: int, padding: int) -> Tensor:
    """Return the pixel indices, int64 [B, size], along one axis of the crops that start at `start` [B]."""
    position = (start[:, None] - padding + torch.arange(size, device=start.device)).abs_()
    return size - 1 - (size - 1 - position).abs_()
