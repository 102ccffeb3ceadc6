"""How far the prior of a chain that begins at t_init is from the images' p_t, in closed form (docs/theory.md).

p_t has the mean image mu and the covariance C + sigma^2 I (VE). Each prior is N(m, v I): the sum of uniform pixels and
Gaussian noise is not Gaussian, but at the sigma of a later start as good as one with its moments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["gaussian", "uniform_gaussian", "mean_image"]


@dataclass(frozen=True)
class Images:
    """Mean and covariance of scaled images.

    Attributes:
        mean: mu, the mean image [d], float64.
        eigenvalues: Those of C, [d], >= 0, in any order.
    """

    mean: Tensor
    eigenvalues: Tensor


@dataclass(frozen=True)
class Prior:
    """N(m, v I).

    Attributes:
        mean: m [d].
        variance: v > 0.
    """

    mean: Tensor
    variance: float

    @classmethod
    def of(cls, kind: Kind, images: Images, sigma: float, low: float = 0.0, high: float = 1.0) -> Prior:
        """Return the Gaussian with the moments of a prior.

        Args:
            kind: gaussian: sigma z. uniform_gaussian: u + sigma z, u uniform in [low, high] for each pixel and channel.
                mean_image: mu + sigma z.
            images: For the mean image.
            sigma: sigma(t_init) > 0.
            low: Black in scaled pixels (0 for `pixels: unit`).
            high: White (1 for `pixels: unit`).
        """
        if kind == "mean_image":
            return cls(images.mean, sigma**2)
        if kind == "gaussian":
            return cls(torch.zeros_like(images.mean), sigma**2)
        return cls(torch.full_like(images.mean, (low + high) / 2), sigma**2 + (high - low) ** 2 / 12)


def kl(images: Images, sigma: float, prior: Prior) -> float:
    """Return KL( N(mu, C + sigma^2 I) || N(m, v I) ) in nats.

    For Gaussian priors, differences of this number between priors are those of KL(p_t || prior), also if p_t is not
    Gaussian: the logarithm of the ratio of two Gaussians is a polynomial of degree two.
    """
    ratio = (images.eigenvalues + sigma**2) / prior.variance
    means = (images.mean - prior.mean).square().sum() / prior.variance
    return float(0.5 * ((ratio - 1 - ratio.log()).sum() + means))


def frechet(images: Images, sigma: float, prior: Prior) -> float:
    """Return the squared Frechet distance of the same two Gaussians, in pixel space.

    C and v I commute, so it is |mu - m|^2 + sum (sqrt(lambda + sigma^2) - sqrt(v))^2.
    """
    deviations = (images.eigenvalues + sigma**2).sqrt() - prior.variance**0.5
    return float((images.mean - prior.mean).square().sum() + deviations.square().sum())


def uniform_less_gaussian(mean: Tensor, sigma: float) -> float:
    """Return KL of uniform_gaussian less KL of gaussian to first order in 1 / sigma^2: sum (1/4 - mu) / (2 sigma^2).

    Args:
        mean: mu, with pixels in [0, 1].
        sigma: sigma(t_init).
    """
    return float((0.25 - mean).sum() / (2 * sigma**2))
