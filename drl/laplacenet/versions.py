"""Augmented versions of the images of a step of fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from drl.config.jobs import FineTuneRun
from drl.data.augment.laplacenet import augment
from drl.data.store import ImageStore


def augmented(
    store: ImageStore, groups: Sequence[tuple[Tensor, int]], protocol: FineTuneRun, source: torch.Generator
) -> Tensor:
    """Return the augmented versions of images, uint8 [V, B, C, H, W]: version after version, group after group.

    Args:
        store: The images.
        groups: Indices of images, int64, on the device, and their number of RandAugment operations.
        protocol: The protocol, for the number of versions, flips and crops.
        source: A CPU generator.
    """
    parts, versions = [], protocol.versions
    for positions, operations in groups:
        images = store.batch(positions).images.repeat(versions, 1, 1, 1)
        changed = augment(images, operations, source, flip=protocol.flip, padding=protocol.padding)
        parts.append(changed.unflatten(0, (versions, len(positions))))
    return torch.cat(parts, 1)
