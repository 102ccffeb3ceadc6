"""Mixup (Zhang et al. 2018), as LaplaceNet's code draws it: one share and one order a step."""

from __future__ import annotations

import torch
from scipy.special import betaincinv
from torch import Tensor
from torch.nn import functional as F


def mixture(n: int, alpha: float | None, source: torch.Generator) -> tuple[float, Tensor]:
    """Draw the share of the first image, Beta(alpha, alpha), and the order of the second ones.

    Args:
        n: Images.
        alpha: None mixes nothing: the share is 1 and the order as it is, and no random number is drawn.
        source: A CPU generator.

    Returns:
        A number in [0, 1], and int64 [n] on the CPU.
    """
    if alpha is None:
        return 1.0, torch.arange(n)
    uniform = torch.rand((), dtype=torch.float64, generator=source)
    return float(betaincinv(alpha, alpha, uniform.item())), torch.randperm(n, generator=source)


def mixed_entropy(logits: Tensor, targets: Tensor, order: Tensor, share: float) -> Tensor:
    """Return the cross-entropy of mixed images, averaged over the batch; in float64, as the authors' code takes it.

    Args:
        logits: [B, classes].
        targets: int64 [B], classes of the first images.
        order: int64 [B], which images are the second ones.
        share: Of the first images.
    """
    values = logits.double()
    first = F.cross_entropy(values, targets)
    return first if share == 1 else share * first + (1 - share) * F.cross_entropy(values, targets[order])
