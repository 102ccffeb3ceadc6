"""Random images and codes for measurements; speed does not depend on what images show."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from drl.data.store import ImageStore
from drl.methods.base import ImageFacts

IMAGES = 1100  # more than twice the largest batch


def random_images(facts: ImageFacts, device: torch.device) -> ImageStore:
    """Return random images with these channels, size and classes."""
    generator = torch.Generator().manual_seed(0)
    shape = (IMAGES, facts.channels, facts.image_size, facts.image_size)
    images = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    positions = torch.arange(IMAGES)
    half = torch.full((1, facts.channels, 1, 1), 0.5, device=device)
    return ImageStore(
        name="random",
        path=Path(),
        images=images.to(device),
        labels=(positions % facts.classes).to(device),
        train=positions,
        val=positions[:0],
        test=positions[:0],
        mean=half,
        std=0.5 * half,
        classes=tuple(map(str, range(facts.classes))),
        facts={},
    )


def clusters(count: int, classes: int, features: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Draw rectified codes [count, features] around a centre for each class, and their classes [count]."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % classes
    centres = torch.randn(classes, features, generator=generator)
    codes = (centres[labels] + torch.randn(count, features, generator=generator)).relu()
    return codes.to(device), labels.to(device)
