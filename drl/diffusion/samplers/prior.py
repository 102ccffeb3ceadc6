"""The start of a chain: x at t_init (paper App. I)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from drl.diffusion.sde import SDE, per_image

Prior = Literal["gaussian", "uniform_gaussian"]


def prior(kind: Prior, sde: SDE, t_init: Tensor, noise: Tensor, uniform: Tensor | None = None) -> Tensor:
    """Return x at t_init [B, C, H, W].

    gaussian: std(t) z. uniform_gaussian: m(t) u + std(t) z, the kernel around an image of uniform pixels.

    Args:
        kind: Which prior.
        sde: The SDE.
        t_init: [B].
        noise: z [B, C, H, W].
        uniform: u in the range of the scaled pixels, for uniform_gaussian.
    """
    spread = per_image(sde.std(t_init), noise) * noise
    if kind == "gaussian":
        return spread
    assert uniform is not None
    return per_image(sde.mean_factor(t_init), noise) * uniform + spread
