"""Random horizontal flips."""

from __future__ import annotations

import torch
from torch import Tensor


def flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Flip each image left to right with probability 1/2.

    Args:
        images: [B, C, H, W], any type.
        generator: On the images' device.
    """
    chosen = torch.rand(len(images), generator=generator, device=images.device) < 0.5
    return torch.where(chosen[:, None, None, None], images.flip(3), images)
