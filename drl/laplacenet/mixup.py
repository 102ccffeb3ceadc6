"""Mixup (Zhang et al. 2018) as in LaplaceNet's code, with one share and one order per step."""

from __future__ import annotations

import torch
from scipy.special import betaincinv
from torch import Tensor
from torch.nn import functional as F


def mixture(n: int, alpha: float | None, source: torch.Generator) -> tuple[float, Tensor]:
    """Draw the share of the first image, Beta(alpha, alpha), and the order of the second ones.

    Args:
        n: Number of images.
        alpha: None means no mixing: the share is 1, the order does not change, and no random number is drawn.
        source: A CPU generator.

    Returns:
        A number in [0, 1], and int64 [n] on the CPU.
    """
    if alpha is None:
        return 1.0, torch.arange(n)
    uniform = torch.rand((), dtype=torch.float64, generator=source)
    return float(betaincinv(alpha, alpha, uniform.item())), torch.randperm(n, generator=source)


def mixed_entropy(logits: Tensor, targets: Tensor, order: Tensor | None, share: float | Tensor) -> Tensor:
    """Return the cross-entropy of mixed images, averaged over the batch, in float64 as in the authors' code.

    Args:
        logits: [B, classes].
        targets: int64 [B], classes of the first images.
        order: int64 [B], indices of the second images; None: the images are not mixed.
        share: Share of the first images.
    """
    values = logits.double()
    first = F.cross_entropy(values, targets)
    return first if order is None else share * first + (1 - share) * F.cross_entropy(values, targets[order])
