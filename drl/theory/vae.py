"""How much a linear VAE puts into its code, in closed form (docs/theory.md; Tipping and Bishop 1999)."""

from __future__ import annotations

from torch import Tensor

from drl.diffusion.losses import Reduction


def nats(eigenvalues: Tensor, kl_weight: float, code_size: int, reduction: Reduction = "half_sum") -> Tensor:
    """Return the KL divergence of each entry of the code, max(0, 1/2 ln(lambda / beta)), at the optimum.

    Args:
        eigenvalues: lambda [d], all eigenvalues of the covariance of the scaled pixels, >= 0, in any order.
        kl_weight: Weight of the KL divergence beside the squared error, > 0.
        code_size: k <= d.
        reduction: Reduction of the squared error over entries. beta is the weight beside half the sum.

    Returns:
        [k], in nats, averaged over images, largest first.
    """
    beta = kl_weight / {"half_sum": 1.0, "sum": 2.0, "mean": 2 / len(eigenvalues)}[reduction]
    top = eigenvalues.sort(descending=True).values[:code_size]
    return 0.5 * (top / beta).clamp_min(1.0).log()
