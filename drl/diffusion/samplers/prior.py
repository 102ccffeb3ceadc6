"""The start of a chain: x at t_init (paper App. I)."""

from __future__ import annotations

from torch import Tensor

from drl.diffusion.sde import SDE, per_image, perturb


def prior(sde: SDE, t_init: Tensor, noise: Tensor, image: Tensor | None = None) -> Tensor:
    """Return x at t_init [B, C, H, W]: std(t) z, or the kernel around an image y, m(t) y + std(t) z.

    Without an image it is the paper's Gaussian prior. With an image of uniform pixels it is the paper's Uniform +
    Gaussian, and with the mean of the training images ours. At t_init = 1 all three are nearly equal, because the noise
    hides y there.

    Args:
        sde: The SDE.
        t_init: [B].
        noise: z [B, C, H, W].
        image: y in scaled pixels, of the shape of z, or None.
    """
    return per_image(sde.std(t_init), noise) * noise if image is None else perturb(sde, image, t_init, noise)
