"""Denoising score matching, with or without a code (paper section 2, Eqs. 5 and 7)."""

from __future__ import annotations

from torch import Tensor, nn

from drl.config.recipes import Recipe
from drl.diffusion.losses import denoising_score_matching
from drl.diffusion.preconditioning import edm_input, edm_score, loss_weight, paper_score
from drl.diffusion.sde import perturb
from drl.methods.base import Denoiser, ImageFacts


class ScoreMatching(Denoiser):
    """A score network and its loss.

    Attributes:
        score_network: F(x, noise label, z).
        scale_by_sigma: Whether its output is divided by sigma(t).
    """

    score_network: nn.Module

    def __init__(self, recipe: Recipe, facts: ImageFacts, mean: Tensor, std: Tensor) -> None:
        """Store how the network's output is scaled; arguments as in Method."""
        super().__init__(recipe, facts, mean, std)
        assert recipe.score is not None  # a recipe of such a method has one
        self.scale_by_sigma = recipe.score.scale_by_sigma

    def network(self, x: Tensor, noise_label: Tensor, z: Tensor | None) -> Tensor:
        """Return the score network's raw output [B, C, H, W]."""
        output: Tensor = self.score_network(self.seen(x), noise_label, z)
        return output

    def score(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return s(x_t, t, z) [B, C, H, W] for scaled noisy images, times [B] and codes [B, D] or None."""
        objective = self.recipe.objective
        if objective.preconditioning == "edm":
            return edm_score(self.network, self.sde, x_t, t, z, objective.sigma_data)
        return paper_score(self.network, self.sde, x_t, t, z, self.scale_by_sigma)

    def network_input(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images [B, C, H, W] and noise labels [B] that `score` gives the score network."""
        if self.recipe.objective.preconditioning == "edm":
            x, noise_label = edm_input(self.sde, x_t, t, self.recipe.objective.sigma_data)
        else:
            x, noise_label = x_t, self.sde.noise_label(t)
        return self.seen(x), noise_label

    def denoising_loss(self, x_0: Tensor, t: Tensor, z: Tensor | None, noise: Tensor) -> Tensor:
        """Return each image's weighted denoising loss [B] for given times, codes (or None) and noise."""
        objective = self.recipe.objective
        score = self.score(perturb(self.sde, x_0, t, noise), t, z)
        losses = denoising_score_matching(score, noise, self.sde.std(t), objective.reduction)
        return loss_weight(objective.weighting, self.sde, t, objective.sigma_data) * losses
