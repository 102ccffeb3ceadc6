"""Supervised: the encoder learns the classes. FID uses its codes where Inception is not available."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drl.config.recipes import Recipe
from drl.data.batch import Batch
from drl.methods.base import ImageFacts, Method
from drl.models.build import build_encoder
from drl.models.encoder import Encoder


class Objective(Method):
    """Cross-entropy of a linear layer on z = E(x_0, t) at one t.

    Attributes:
        head: The layer. Only the loss uses it, and model files do not contain it.
    """

    encoder: Encoder

    def __init__(self, recipe: Recipe, facts: ImageFacts, mean: Tensor, std: Tensor) -> None:
        """Build encoder and head; arguments as in Method."""
        super().__init__(recipe, facts, mean, std)
        self.encoder = build_encoder(recipe.encoder, facts, probabilistic=False)
        self.head = nn.Linear(self.encoder.code_size, facts.classes)

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the cross-entropy averaged over the batch, and with it the share of images classified correctly."""
        return self._objective(batch.images, batch.labels)

    def _objective(self, images: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        logits = self.head(self.encode(images, labels.new_zeros(len(labels)).float())).float()
        entropy = F.cross_entropy(logits, labels)
        right = (logits.detach().argmax(1) == labels).float().mean()
        return entropy, {"cross_entropy": entropy.detach(), "right": right}

    def compile_parts(self) -> None:
        """Compile the training objective; codes outside training stay eager."""
        self._objective = torch.compile(self._objective)  # type: ignore[method-assign]

    def encode(self, images: Tensor, t: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return codes [B, D] of uint8 images; `t` is ignored: the encoder is always used at t = 0."""
        return self.encoder.latent(self.seen(self.scale(images)), torch.zeros_like(t))[0].float()
