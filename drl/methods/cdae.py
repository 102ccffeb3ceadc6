"""CDAE: the conditional network predicts x_0 instead of the score (paper App. F; authors' JAX code, `predictx0`)."""

from __future__ import annotations

from torch import Tensor

from drl.diffusion.losses import reduce_entries
from drl.diffusion.sde import per_image, perturb
from drl.methods.codes import DeterministicCode
from drl.methods.conditional import ConditionalScoreMatching


class Objective(DeterministicCode, ConditionalScoreMatching):
    """|| D(x_t, t, z) - x_0 ||^2 + lambda |z|_1, with the same weight for every t."""

    def prediction(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return D(x_t, t, z) [B, C, H, W], the estimate of x_0."""
        output = self.network(x_t, self.sde.noise_label(t), z).float()
        return output / per_image(self.sde.std(t), x_t) if self.scale_by_sigma else output

    def score(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return the score that follows from the prediction, (m(t) D - x_t) / std(t)^2 [B, C, H, W]."""
        mean = per_image(self.sde.mean_factor(t), x_t) * self.prediction(x_t, t, z)
        return (mean - x_t) / per_image(self.sde.std(t), x_t) ** 2

    def denoising_loss(self, x_0: Tensor, t: Tensor, z: Tensor | None, noise: Tensor) -> Tensor:
        """Return each image's squared error [B] for given times, codes and noise."""
        prediction = self.prediction(perturb(self.sde, x_0, t, noise), t, z)
        return reduce_entries((prediction - x_0) ** 2, self.recipe.objective.reduction)
