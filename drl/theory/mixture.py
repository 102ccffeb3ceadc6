"""A mixture of Gaussians, with its perturbed density, score and posterior in closed form under each kernel.

A component N(mu, s^2 I) perturbed by p(x_t | x_0) = N(m x_0, std^2 I) becomes N(m mu, V I), with V = m^2 s^2 + std^2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from drl.config.theory import MixtureSettings
from drl.diffusion.sde import SDE


@dataclass(frozen=True)
class Mixture:
    """Equally likely Gaussians with the same deviation in all directions.

    Attributes:
        means: Means of the components [K, d], float64.
        spread: s, the standard deviation of each component in each direction, > 0.
        labels: Class of each component, int64 [K]; several components may share a class.
        factors: Independent mixtures of fewer dimensions whose product this mixture is; empty if it is not a product.
    """

    means: Tensor
    spread: float
    labels: Tensor
    factors: tuple[Mixture, ...] = ()

    @property
    def dimensions(self) -> int:
        """Number of entries of x."""
        return self.means.shape[1]

    @property
    def variance(self) -> float:
        """Variance of x_0, summed over its entries."""
        centred = self.means - self.means.mean(0)
        return float((centred**2).sum(1).mean()) + self.dimensions * self.spread**2

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw x_0 [n, d], float64, and its classes [n]."""
        component = torch.randint(len(self.means), (n,), generator=generator)
        noise = torch.randn(n, self.dimensions, generator=generator, dtype=torch.float64)
        return self.means[component] + self.spread * noise, self.labels[component]

    def log_density(self, sde: SDE, x_t: Tensor, t: Tensor) -> Tensor:
        """Return log p_t(x_t) [n].

        Args:
            sde: The kernel.
            x_t: [n, d], float64.
            t: Scalar, float64.
        """
        variance = self._variance(sde, t)
        joint = self._log_joint(sde, x_t, t)
        log_weight = math.log(len(self.means)) + 0.5 * self.dimensions * torch.log(2 * math.pi * variance)
        return torch.logsumexp(joint, 1) - log_weight

    def score(self, sde: SDE, x_t: Tensor, t: Tensor) -> Tensor:
        """Return grad log p_t(x_t) [n, d]; arguments as in `log_density`."""
        expected = self._responsibilities(sde, x_t, t) @ self.means
        return (sde.mean_factor(t) * expected - x_t) / self._variance(sde, t)

    def posterior_trace(self, sde: SDE, x_t: Tensor, t: Tensor) -> Tensor:
        """Return the trace of Cov(x_0 | x_t) [n]; arguments as in `log_density`."""
        m, variance = sde.mean_factor(t), self._variance(sde, t)
        within = self.dimensions * self.spread**2 * sde.std(t) ** 2 / variance
        # Given the component, the mean is mu + m s^2 / V (x_t - m mu); components differ only in the terms with mu.
        weights = self._responsibilities(sde, x_t, t)
        shift = (1 - m**2 * self.spread**2 / variance) * self.means
        return within + weights @ (shift**2).sum(1) - ((weights @ shift) ** 2).sum(1)

    def _variance(self, sde: SDE, t: Tensor) -> Tensor:
        return sde.mean_factor(t) ** 2 * self.spread**2 + sde.std(t) ** 2

    def _log_joint(self, sde: SDE, x_t: Tensor, t: Tensor) -> Tensor:
        # Subtract directly: cdist may use products, which lose the digits that small spreads need.
        squares = ((x_t[:, None] - sde.mean_factor(t) * self.means) ** 2).sum(2)
        return -squares / (2 * self._variance(sde, t))

    def _responsibilities(self, sde: SDE, x_t: Tensor, t: Tensor) -> Tensor:
        return torch.softmax(self._log_joint(sde, x_t, t), 1)


def circle(points: int, radius: float) -> Tensor:
    """Return points [points, 2], float64, evenly spaced on a circle around the origin."""
    angles = 2 * math.pi * torch.arange(points, dtype=torch.float64) / points
    return radius * torch.stack((angles.cos(), angles.sin()), 1)


def product(planes: Sequence[Tensor], spread: float, label_plane: int) -> Mixture:
    """Return the product of independent mixtures, with their coordinates one after another.

    Args:
        planes: Means of each plane's components, [K_i, d_i].
        spread: Standard deviation of every component.
        label_plane: Index of the plane whose points are the classes.
    """
    grids = torch.meshgrid(*(torch.arange(len(plane)) for plane in planes), indexing="ij")
    choices = [grid.flatten() for grid in grids]
    means = torch.cat([plane[choice] for plane, choice in zip(planes, choices, strict=True)], 1)
    factors = tuple(Mixture(plane, spread, torch.arange(len(plane))) for plane in planes)
    return Mixture(means, spread, choices[label_plane], factors)


def make_mixture(settings: MixtureSettings) -> Mixture:
    """Build the mixture of a configuration's `studies.theory.mixture`.

    Args:
        settings: `planes`, each with `points` evenly spaced on a circle, whose `radius` is relative to the others;
            `spread`, the deviation of a component in the same units; `label_plane`.

    Returns:
        The mixture, scaled so that entries have variance 1 on average, like standardised pixels.
    """
    planes = [circle(plane.points, plane.radius) for plane in settings.planes]
    raw = product(planes, settings.spread, settings.label_plane)
    factor = math.sqrt(raw.dimensions / raw.variance)
    return product([factor * plane for plane in planes], factor * settings.spread, settings.label_plane)
