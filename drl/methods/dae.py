"""DAE: a denoising autoencoder, which predicts x_0 from the code of x_t (paper App. F)."""

from __future__ import annotations

import torch
from torch import Tensor

from drl.diffusion.sde import perturb
from drl.methods.codes import DeterministicCode
from drl.methods.reconstruction import Reconstruction


class Objective(DeterministicCode, Reconstruction):
    """|| D(E(x_t, t), t) - x_0 ||^2, with the same weight for every t."""

    def corrupt(self, x_0: Tensor, t: Tensor, noise: Tensor | None) -> Tensor:
        """Return x_t, or x_0 if `noise` is None."""
        return x_0 if noise is None else perturb(self.sde, x_0, t, noise)

    def input_noise(self, images: Tensor, generator: torch.Generator) -> Tensor | None:
        """Draw z ~ N(0, I) with the images' shape."""
        return torch.randn(images.shape, generator=generator, device=generator.device)

    def encode(self, images: Tensor, t: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return codes [B, D] of x_t, or of x_0 if there is no generator."""
        noise = None if generator is None else self.input_noise(images, generator)
        return self.code(self.corrupt(self.scale(images), t, noise), t, None)[0]
