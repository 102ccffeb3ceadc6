"""Losses for each image of a batch; the caller averages over the batch."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from drl.diffusion.sde import per_image

Reduction = Literal["half_sum", "sum", "mean"]


def reduce_entries(losses: Tensor, reduction: Reduction) -> Tensor:
    """Reduce [B, ...] to [B]: half the sum over an image's entries, the sum, or the mean (all in authors' code)."""
    flat = losses.flatten(1)
    if reduction == "mean":
        return flat.mean(1)
    return flat.sum(1) if reduction == "sum" else 0.5 * flat.sum(1)


def denoising_score_matching(score: Tensor, noise: Tensor, std: Tensor, reduction: Reduction = "half_sum") -> Tensor:
    """Denoising score matching with lambda(t) = std(t)^2 (paper Eqs. 5 and 7).

    The kernel's score is -z / std, so std^2 || s - (-z / std) ||^2 = || std s + z ||^2.

    Args:
        score: s(x_t, t, z) [B, C, H, W].
        noise: The z that made x_t, same shape.
        std: Deviation of the kernel [B].
        reduction: Reduction over an image's entries.

    Returns:
        [B].
    """
    return reduce_entries((per_image(std, score) * score + noise) ** 2, reduction)


def l1_penalty(z: Tensor) -> Tensor:
    """|z|_1 of each code (paper Eq. 8). [B, D] -> [B]."""
    return z.abs().sum(1)


def kl_penalty(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL( N(mean, exp(log_variance)) || N(0, I) ) of each code. [B, D] -> [B]."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)


def mix(x_0: Tensor, lam: Tensor, permutation: Tensor) -> Tensor:
    """Return lam x_0 + (1 - lam) x_0[permutation] (Mixup-DRL, paper section 3.2).

    Args:
        x_0: [B, C, H, W].
        lam: [B] in [0, 1].
        permutation: [B] indices.
    """
    return torch.lerp(x_0[permutation], x_0, per_image(lam, x_0))
