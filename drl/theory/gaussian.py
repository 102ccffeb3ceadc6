"""What a linear code is worth to the denoiser of Gaussian data, in closed form (docs/theory.md).

x_0 ~ N(mu, C) with eigenvalues lambda of C, and x_t = x_0 + sigma z (VE). Losses are those of
drl.diffusion.losses.denoising_score_matching with half the sum over entries, in expectation, with the best score. Under
VP, sigma is drl.diffusion.sde's `effective_sigma`.
"""

from __future__ import annotations

import torch
from torch import Tensor


def gain(eigenvalues: Tensor, sigma: float) -> Tensor:
    """Return the loss that a code removes by holding one principal component: 1/2 lambda / (lambda + sigma^2).

    Args:
        eigenvalues: lambda, any shape, >= 0, float64.
        sigma: > 0.

    Returns:
        The shape of `eigenvalues`, in [0, 1/2).
    """
    return 0.5 * eigenvalues / (eigenvalues + sigma**2)


def loss_without_code(eigenvalues: Tensor, sigma: float) -> float:
    """Return the loss of the exact score, the constant of Eq. 6: the gains of all components [d] together."""
    return float(gain(eigenvalues, sigma).sum())


def removable_loss(eigenvalues: Tensor, sigma: float, k: int) -> float:
    """Return the largest loss that a linear code of k numbers can remove, given all eigenvalues [d], in any order."""
    return float(gain(eigenvalues, sigma).sort(descending=True).values[:k].sum())


def removed_loss(code: Tensor, covariance: Tensor, sigma: float) -> float:
    """Return the loss that the linear code W x_0 removes: tr((W P W^T)^-1 W P^2 W^T) / (2 sigma^2).

    P = (C^-1 + I / sigma^2)^-1 is the covariance of x_0 given x_t.

    Args:
        code: W [k, d] of rank k, float64.
        covariance: C [d, d], positive definite, float64.
        sigma: > 0.
    """
    # This form of P needs no inverse of C.
    posterior = torch.linalg.solve(covariance + sigma**2 * torch.eye(len(covariance)).to(covariance), covariance)
    posterior = 0.5 * (posterior + posterior.T)  # in units of sigma^2
    held = code @ posterior
    return float(0.5 * torch.linalg.solve(held @ code.T, held @ held.T).trace())


def best_code(covariance: Tensor, k: int) -> Tensor:
    """Return the code that removes `removable_loss`, whatever sigma is: the top k principal directions [k, d].

    The directions have length 1. Any invertible map of these k numbers is as good.
    """
    directions: Tensor = torch.linalg.eigh(covariance).eigenvectors.flip(1)[:, :k].T
    return directions
