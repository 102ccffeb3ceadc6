"""SimCLR-Gauss: SimCLR whose only augmentation is Gaussian noise on the pixels (paper section 3.1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from drl.config.methods import SimCLRGaussSettings
from drl.diffusion.sde import per_image
from drl.methods.contrastive import Contrastive

# The paper's VE noise levels, log-uniform, up to the level at which the image is still visible.
STD_RANGE = (0.01, 1.0)


class Objective(Contrastive):
    """Two views x + s z, z ~ N(0, I), of each scaled image x."""

    def views(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return two noisy copies of each image [2B, C, H, W]."""
        x = self.scale(images).repeat(2, 1, 1, 1)
        noise = torch.randn(x.shape, generator=generator, device=x.device)
        return x + per_image(self.noise_std(len(x), generator), x) * noise

    def noise_std(self, n: int, generator: torch.Generator) -> Tensor:
        """Return the deviation of each view's noise [n], in units of the scaled pixels."""
        std = self.settings(SimCLRGaussSettings).gauss_std
        if std != "schedule":
            return torch.full((n,), std, device=generator.device)
        low, high = map(math.log, STD_RANGE)
        return torch.exp(low + (high - low) * torch.rand(n, generator=generator, device=generator.device))
