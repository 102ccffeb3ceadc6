"""Common code of the methods with a regularised encoder: from scaled images to codes."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from drl.config.methods import DeterministicCodeSettings, GaussianCodeSettings
from drl.config.recipes import Recipe
from drl.diffusion.losses import kl_penalty, l1_penalty
from drl.methods.base import ImageFacts, Method
from drl.models.build import build_encoder
from drl.models.encoder import Encoder


class Coder(Method):
    """A method whose codes carry a penalty (paper Eq. 8)."""

    probabilistic: bool = False
    encoder: Encoder

    def __init__(self, recipe: Recipe, facts: ImageFacts, mean: Tensor, std: Tensor) -> None:
        """Build the encoder; arguments as in Method."""
        super().__init__(recipe, facts, mean, std)
        self.encoder = build_encoder(recipe.encoder, facts, probabilistic=self.probabilistic)

    @abstractmethod
    def code(self, x: Tensor, t: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return codes [B, D] and each image's penalty [B], already weighted.

        Args:
            x: Scaled images [B, C, H, W].
            t: [B].
            noise: The code's noise [B, D]; None gives the mean code.
        """

    def code_noise(self, n: int, generator: torch.Generator) -> Tensor | None:
        """Draw the noise of n codes; None if codes are deterministic."""
        if not self.probabilistic:
            return None
        return torch.randn(n, self.encoder.code_size, generator=generator, device=generator.device)

    def encode(self, images: Tensor, t: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return codes [B, D] of uint8 images; Gaussian codes are means if there is no generator."""
        noise = None if generator is None else self.code_noise(len(t), generator)
        return self.code(self.scale(images), t, noise)[0]


class DeterministicCode(Coder):
    """A code z = E(x, t) with an L1 penalty. A WideResNet's code is its pooled features, so no entry is negative."""

    def __init__(self, recipe: Recipe, facts: ImageFacts, mean: Tensor, std: Tensor) -> None:
        """Store the penalty's weight, 0 in a method without a penalty; arguments as in Method."""
        super().__init__(recipe, facts, mean, std)
        self.l1_weight = recipe.method.l1_weight if isinstance(recipe.method, DeterministicCodeSettings) else 0.0

    def code(self, x: Tensor, t: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return z and lambda |z|_1."""
        z, _ = self.encoder.latent(self.seen(x), t)
        z = z.float()
        return z, self.l1_weight * l1_penalty(z)


class GaussianCode(Coder):
    """A code z ~ N(mean(x, t), exp(log variance(x, t))) with a KL penalty (paper section 2.1)."""

    probabilistic = True

    def __init__(self, recipe: Recipe, facts: ImageFacts, mean: Tensor, std: Tensor) -> None:
        """Store the penalty's weight; arguments as in Method."""
        super().__init__(recipe, facts, mean, std)
        self.kl_weight = self.settings(GaussianCodeSettings).kl_weight

    def code(self, x: Tensor, t: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return a sample of z (its mean if `noise` is None) and lambda KL."""
        mean, log_variance = self.encoder.latent(self.seen(x), t)
        assert log_variance is not None  # the encoder was built probabilistic
        mean, log_variance = mean.float(), log_variance.float()
        penalty = self.kl_weight * kl_penalty(mean, log_variance)
        if noise is None:
            return mean, penalty
        return mean + noise * torch.exp(0.5 * log_variance), penalty
