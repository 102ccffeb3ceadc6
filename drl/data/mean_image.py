"""The mean of a data set's training images."""

from __future__ import annotations

import torch
from torch import Tensor

from drl.data.store import ImageStore

_CHUNK = 4096  # images that are added at once


def mean_image(store: ImageStore) -> Tensor:
    """Return the mean of the training images, validation images included: float32 [C, H, W] in [0, 1], on the CPU.

    It is of the images as they are stored: flips and other augmentation are not counted. Bytes are added as whole
    numbers, so that neither the order nor the device changes the result.
    """
    total = torch.zeros(store.images.shape[1:], dtype=torch.int64, device=store.images.device)
    for indices in store.train.split(_CHUNK):
        total += store.batch(indices).images.sum(dim=0, dtype=torch.int64)
    return (total.cpu().double() / (255 * len(store.train))).float()
