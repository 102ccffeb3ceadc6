"""Perturbation kernels p(x_t | x_0) = N(m(t) x_0, std(t)^2 I) of the two SDEs.

Symbols are those of the paper's section 2: t in [0, 1], sigma(t), g(t). Equation numbers refer to Song et al. 2021
(arXiv 2011.13456) where the paper has none. All functions work element by element on tensors of any shape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from drl.config.diffusion import SDESettings, VESettings


@dataclass(frozen=True)
class VE:
    """Variance exploding SDE (Song et al. 2021, Eq. 9 and App. C): dx = g(t) dw.

    The kernel's variance is sigma(t)^2 as in the authors' code. The paper writes sigma(t)^2 - sigma(0)^2, which differs
    by 1e-4.
    """

    sigma_min: float = 0.01
    sigma_max: float = 50.0

    def mean_factor(self, t: Tensor) -> Tensor:
        """Return m(t) = 1: the image is not scaled down."""
        return torch.ones_like(t)

    def std(self, t: Tensor) -> Tensor:
        """sigma(t) = sigma_min (sigma_max / sigma_min)^t, in units of the scaled pixels."""
        return self.sigma_min * torch.exp(t * math.log(self.sigma_max / self.sigma_min))

    def effective_sigma(self, t: Tensor) -> Tensor:
        """Noise over signal, std(t) / m(t), which EDM calls sigma."""
        return self.std(t)

    def drift(self, x: Tensor, t: Tensor) -> Tensor:
        """f(x, t) = 0."""
        return torch.zeros_like(x)

    def diffusion(self, t: Tensor) -> Tensor:
        """g(t) = sigma(t) sqrt(2 ln(sigma_max / sigma_min))."""
        return self.std(t) * math.sqrt(2 * math.log(self.sigma_max / self.sigma_min))

    def noise_label(self, t: Tensor) -> Tensor:
        """The noise label that the network gets as input: sigma(t)."""
        return self.std(t)

    def time_of_sigma(self, sigma: Tensor) -> Tensor:
        """Inverse of `std`: t = ln(sigma / sigma_min) / ln(sigma_max / sigma_min)."""
        return torch.log(sigma / self.sigma_min) / math.log(self.sigma_max / self.sigma_min)


@dataclass(frozen=True)
class VP:
    """Variance preserving SDE (Song et al. 2021, Eq. 11): dx = -beta(t) x / 2 dt + sqrt(beta(t)) dw."""

    beta_min: float = 0.1
    beta_max: float = 20.0

    def _log_mean(self, t: Tensor) -> Tensor:
        return -0.25 * t**2 * (self.beta_max - self.beta_min) - 0.5 * t * self.beta_min

    def mean_factor(self, t: Tensor) -> Tensor:
        """Return m(t) = exp(-t^2 (beta_max - beta_min) / 4 - t beta_min / 2)."""
        return torch.exp(self._log_mean(t))

    def std(self, t: Tensor) -> Tensor:
        """Deviation of the kernel, sqrt(1 - m(t)^2)."""
        # expm1 keeps the digits that 1 - m^2 loses for small t.
        return torch.sqrt(-torch.expm1(2 * self._log_mean(t)))

    def effective_sigma(self, t: Tensor) -> Tensor:
        """Noise over signal, std(t) / m(t), which EDM calls sigma."""
        return torch.sqrt(torch.expm1(-2 * self._log_mean(t)))

    def drift(self, x: Tensor, t: Tensor) -> Tensor:
        """f(x, t) = -beta(t) x / 2; t broadcasts against x."""
        return -0.5 * self.diffusion(t) ** 2 * x

    def diffusion(self, t: Tensor) -> Tensor:
        """g(t) = sqrt(beta(t))."""
        return torch.sqrt(self.beta_min + t * (self.beta_max - self.beta_min))

    def noise_label(self, t: Tensor) -> Tensor:
        """The noise label that the network gets as input: 999 t (Song's code for continuous VP models)."""
        return 999 * t


SDE = VE | VP


def make_sde(settings: SDESettings) -> SDE:
    """Build the SDE that a recipe's `sde` section names."""
    if isinstance(settings, VESettings):
        return VE(settings.sigma_min, settings.sigma_max)
    return VP(settings.beta_min, settings.beta_max)


def per_image(values: Tensor, like: Tensor) -> Tensor:
    """Shape [B] as [B, 1, 1, ...] so that it broadcasts against `like` [B, ...]."""
    return values.reshape(-1, *([1] * (like.dim() - 1)))


def perturb(sde: SDE, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """x_t = m(t) x_0 + std(t) z.

    Args:
        sde: The SDE.
        x_0: Scaled images [B, ...].
        t: [B] in [0, 1].
        noise: z ~ N(0, I), with the shape of x_0.
    """
    return per_image(sde.mean_factor(t), x_0) * x_0 + per_image(sde.std(t), x_0) * noise
