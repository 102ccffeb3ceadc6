"""SimCLR: augmented copies of an image get similar codes (Chen et al. 2020)."""

from __future__ import annotations

import torch
from torch import Tensor

from drl.config.methods import SimCLRSettings
from drl.config.recipes import Recipe
from drl.data.augment.simclr import SimCLRAugmentation
from drl.data.store import from_unit
from drl.methods.base import ImageFacts
from drl.methods.contrastive import Contrastive


class Objective(Contrastive):
    """Two augmentations of each image are its views (authors' augmentation option `simclr`)."""

    def __init__(self, recipe: Recipe, facts: ImageFacts, mean: Tensor, std: Tensor) -> None:
        """Build the networks and the augmentation; arguments as in Method."""
        super().__init__(recipe, facts, mean, std)
        method = self.settings(SimCLRSettings)
        self.augmentation = SimCLRAugmentation.from_settings(method, facts.channels, facts.image_size)

    def views(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return two augmentations of each image [2B, C, H, W], scaled."""
        views = self.augmentation(images.repeat(2, 1, 1, 1), generator)
        return from_unit(views, self.recipe.pixels, self.pixel_mean, self.pixel_std)
