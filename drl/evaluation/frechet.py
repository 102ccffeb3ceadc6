"""Fréchet distance of two sets of features (Heusel et al. 2017, arXiv 1706.08500, Eq. 6)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from drl.errors import UserError


@dataclass(frozen=True)
class Statistics:
    """Mean and covariance of features.

    Attributes:
        mean: float64 [D].
        covariance: float64 [D, D].
        n: Number of images.
    """

    mean: Tensor
    covariance: Tensor
    n: int

    @property
    def sha256(self) -> str:
        """Digest of mean and covariance."""
        return hashlib.sha256(self.mean.numpy().tobytes() + self.covariance.numpy().tobytes()).hexdigest()

    @classmethod
    def of(cls, features: Tensor) -> Statistics:
        """Measure features [N, D].

        Raises:
            UserError: If there are not more images than features. The covariance would not have full rank, which would
                distort the distance. Or if a feature is not finite.
        """
        n, d = features.shape
        if n <= d:
            raise UserError(
                f"FID: {n} images are too few to determine the covariance of {d} features; use more than {d} images"
            )
        features = features.double()
        if not bool(features.isfinite().all()):
            raise UserError("FID: the extractor's features are not finite numbers; give another extractor")
        return cls(features.mean(0), torch.cov(features.T), n)


def frechet_distance(a: Statistics, b: Statistics) -> float:
    """Return |mean_a - mean_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)).

    C_a C_b has the same eigenvalues as the symmetric C_a^(1/2) C_b C_a^(1/2), so no complex root appears.
    """
    values, vectors = torch.linalg.eigh(a.covariance)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    shared = torch.linalg.eigvalsh(root @ b.covariance @ root).clamp_min(0).sqrt().sum()
    means = (a.mean - b.mean).square().sum()
    return float(means + a.covariance.trace() + b.covariance.trace() - 2 * shared)
