"""LaplaceNet's augmentation: mirror, reflect-padded crop, RandAugment, Cutout (authors' code, config/augmentations.py).

All choices are drawn separately for each image. They are drawn on the host, so the host knows
which images share an operation before anything is computed, and never waits for the device.
"""

from __future__ import annotations

import torch
from torch import Tensor

from drl.data.augment.crop import Views, draw_views, flip_and_crop
from drl.data.augment.cutout import cut_out, draw_squares
from drl.data.augment.host import to_device
from drl.data.augment.rand_augment import change, draw_operations
from drl.errors import UserError


def augment(
    images: Tensor, operations: int, generator: torch.Generator, *, flip: float = 0.5, padding: int = 4
) -> Tensor:
    """Augment images.

    Args:
        images: uint8 [B, C, H, W], C 1 (as PIL's mode "L") or 3, H and W at least 3.
        operations: Number of RandAugment operations for each image: 1 is LaplaceNet's weak augmentation (labelled
            images), 2 the strong one (unlabelled images). With 0, images are only mirrored, cropped and cut out.
        generator: A CPU generator. The draws depend only on it and on the shape of the images.
        flip: Probability of a mirror image.
        padding: Reflected pixels on each side before the crop, below H and W: 4 for 32 pixels, 8 for 84.

    Returns:
        uint8 [B, C, H, W], on the images' device.

    Raises:
        UserError: If the images have neither 1 nor 3 channels, or the padding is not smaller than they are.
    """
    n, channels, height, width = images.shape
    if channels not in (1, 3):
        raise UserError(
            f"augmentation: images with {channels} channels cannot be augmented; use grey (1) or RGB (3) images"
        )
    if not 0 <= padding < min(height, width):
        raise UserError(
            f"augmentation: {height} x {width} pixels cannot be reflected by a padding of {padding}; "
            f"choose 0 to {min(height, width) - 1}"
        )
    views = draw_views(n, flip, padding, generator)
    choices, magnitudes = draw_operations(n, operations, generator)
    squares = draw_squares(n, height, width, generator)
    device = images.device
    x = flip_and_crop(images, Views(*(to_device(values, device) for values in vars(views).values())), padding)
    for choice, magnitude in zip(choices, magnitudes, strict=True):
        x = change(x, choice, magnitude)
    return cut_out(x, to_device(squares, device))
