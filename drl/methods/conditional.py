"""Common base of DRL, VDRL and CDAE: an encoder whose code conditions a score network (paper section 2)."""

from __future__ import annotations

import torch
from torch import Tensor

from drl.config.methods import MixupSettings
from drl.config.recipes import Recipe
from drl.data.batch import Batch
from drl.diffusion.losses import mix
from drl.diffusion.times import sample_times
from drl.methods.base import ImageFacts
from drl.methods.codes import Coder
from drl.methods.score_matching import ScoreMatching
from drl.models.build import build_score_network


class ConditionalScoreMatching(Coder, ScoreMatching):
    """Conditional denoising score matching (paper Eq. 7); each method adds its code and its penalty (Eq. 8)."""

    def __init__(self, recipe: Recipe, facts: ImageFacts, mean: Tensor, std: Tensor) -> None:
        """Build encoder and score network; arguments as in Method."""
        super().__init__(recipe, facts, mean, std)
        self.score_network = build_score_network(recipe.score, facts, self.encoder)
        self.mixup = isinstance(recipe.method, MixupSettings) and recipe.method.mixup

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return Eq. 8 averaged over the batch, and its two parts."""
        n, device = len(batch.images), batch.images.device
        t = sample_times(self.recipe.times, self.sde, n, generator)
        noise = torch.randn(batch.images.shape, generator=generator, device=device)
        lam = permutation = None
        if self.mixup:
            lam = torch.rand(n, generator=generator, device=device)
            permutation = torch.randperm(n, generator=generator, device=device)
        code_noise = self.code_noise(n, generator)
        denoising, penalty = self._objective(batch.images, t, noise, lam, permutation, code_noise)
        return denoising + penalty, {"denoising": denoising.detach(), "penalty": penalty.detach()}

    def _objective(
        self,
        images: Tensor,
        t: Tensor,
        noise: Tensor,
        lam: Tensor | None,
        permutation: Tensor | None,
        code_noise: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Return the two parts of Eq. 8 for given random numbers. All the arithmetic is here, so this is compiled."""
        x_0 = self.scale(images)
        if lam is None or permutation is None:
            z, penalty = self.code(x_0, t, code_noise)
            denoising = self.denoising_loss(x_0, t, z, noise)
        else:
            z, penalty = self.code(mix(x_0, lam, permutation), t, code_noise)
            denoising = 2 * lam * self.denoising_loss(x_0, t, z, noise)
        return denoising.mean(), penalty.mean()

    def compile_parts(self) -> None:
        """Compile the training objective; codes and scores outside training stay eager."""
        self._objective = torch.compile(self._objective)  # type: ignore[method-assign]
