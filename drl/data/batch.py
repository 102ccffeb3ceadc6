"""The input of a training or evaluation step."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Some images and their labels, on one device.

    Attributes:
        images: uint8 [B, C, H, W], 0..255.
        labels: int64 [B], indices into the data set's class names. Unsupervised methods never read them.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)
