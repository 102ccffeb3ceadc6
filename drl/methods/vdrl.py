"""VDRL: a Gaussian code with a KL penalty (paper section 2.1)."""

from __future__ import annotations

import torch
from torch import Tensor

from drl.diffusion.losses import kl_penalty
from drl.methods.conditional import ConditionalScoreMatching


class Objective(ConditionalScoreMatching):
    """Z ~ N(mean(x_0, t), exp(log variance(x_0, t))), both linear in the encoder's features (authors' code)."""

    probabilistic = True

    def code(self, x_0: Tensor, t: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return a sample of z (the mean without noise) and lambda KL."""
        mean, log_variance = self.encoder.latent(x_0, t)
        assert log_variance is not None  # the encoder was built probabilistic
        mean, log_variance = mean.float(), log_variance.float()
        penalty = self.recipe["method"]["kl_weight"] * kl_penalty(mean, log_variance)
        if noise is None:
            return mean, penalty
        return mean + noise * torch.exp(0.5 * log_variance), penalty
