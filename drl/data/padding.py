"""Padding of LaplaceNet's random crop. It does not import torch, because the configuration uses it too."""

from __future__ import annotations


def crop_padding(image_size: int) -> int:
    """Return an eighth of the image size, at most 8: 4 pixels at 32 and 8 at 84, as in the authors' code."""
    return min(image_size // 8, 8)
