"""Unconditional: denoising score matching without an encoder (Song et al. 2021; paper App. I)."""

from __future__ import annotations

import torch
from torch import Tensor

from drl.config.recipes import Recipe
from drl.data.batch import Batch
from drl.diffusion.times import sample_times
from drl.errors import UserError
from drl.methods.base import ImageFacts
from drl.methods.score_matching import ScoreMatching
from drl.models.build import build_score_network


class Objective(ScoreMatching):
    """L(t) = lambda(t) || s(x_t, t) - grad log p(x_t | x_0) ||^2 (paper Eq. 5)."""

    def __init__(self, recipe: Recipe, facts: ImageFacts, mean: Tensor, std: Tensor) -> None:
        """Build the score network; arguments as in Method."""
        super().__init__(recipe, facts, mean, std)
        self.encoder = None
        self.score_network = build_score_network(recipe.score, facts, None)

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss averaged over the batch; it has no other parts."""
        t = sample_times(self.recipe.times, self.sde, len(batch.images), generator)
        noise = torch.randn(batch.images.shape, generator=generator, device=batch.images.device)
        denoising = self._objective(batch.images, t, noise)
        return denoising, {"denoising": denoising.detach()}

    def _objective(self, images: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Return the mean loss for given random numbers. All the arithmetic is here, so this is compiled."""
        return self.denoising_loss(self.scale(images), t, None, noise).mean()

    def compile_parts(self) -> None:
        """Compile the training objective; scores outside training stay eager."""
        self._objective = torch.compile(self._objective)  # type: ignore[method-assign]

    def encode(self, images: Tensor, t: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Raise UserError, because there is no encoder."""
        raise UserError("an unconditional model has no codes; give a model with an encoder")
