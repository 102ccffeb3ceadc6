"""Padding of LaplaceNet's random crop. Pure Python: the configuration asks too."""

from __future__ import annotations


def crop_padding(image_size: int) -> int:
    """Return 4 pixels at 32 and 8 at 84, as the authors' code has it: an eighth of the image, at most 8."""
    return min(image_size // 8, 8)
