"""Compute the score s(x_t, t, z) from the network's output.

`paper`: VE, s = F(x_t, sigma) / sigma (Song et al. 2021, App. C.1; or F itself without scale_by_sigma);
VP, s = -F(x_t, 999 t) / std (Song et al. 2021, App. C).
`edm`: s = (D(x) - x) / sigma^2 with D(x) = c_skip x + c_out F(c_in x, sigma) (Karras et al. 2022, arXiv 2206.00364,
Eqs. 3 and 7, Table 1), where sigma = std / m and x = x_t / m, so that it works for both VE and VP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from drl.diffusion.sde import SDE, VE, per_image

Network = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def paper_score(network: Network, sde: SDE, x_t: Tensor, t: Tensor, z: Tensor | None, scale_by_sigma: bool) -> Tensor:
    """Return the score in the paper's parametrisation.

    Args:
        network: F(x, noise label, z).
        sde: VE or VP.
        x_t: Noisy images [B, C, H, W].
        t: [B] in [0, 1].
        z: Codes [B, D], or None for an unconditional network.
        scale_by_sigma: Whether to divide by sigma(t); VE only.
    """
    output = network(x_t, sde.noise_label(t), z).float()
    if isinstance(sde, VE):
        return output / per_image(sde.std(t), x_t) if scale_by_sigma else output
    return -output / per_image(sde.std(t), x_t)


def edm_score(network: Network, sde: SDE, x_t: Tensor, t: Tensor, z: Tensor | None, sigma_data: float) -> Tensor:
    """Return the score through EDM's preconditioned denoiser.

    Args:
        network: F(x, sigma, z). Its Fourier embedding takes the logarithm of sigma (c_noise = ln sigma, which is EDM's
            up to a factor).
        sde: VE or VP.
        x_t: Noisy images [B, C, H, W].
        t: [B] in [0, 1].
        z: Codes [B, D] or None.
        sigma_data: Standard deviation of the scaled pixels.
    """
    seen, sigma = edm_input(sde, x_t, t, sigma_data)
    mean_factor = per_image(sde.mean_factor(t), x_t)
    total = sigma**2 + sigma_data**2
    c_out = per_image(sigma * sigma_data * torch.rsqrt(total), x_t)
    x = x_t / mean_factor
    output = network(seen, sigma, z).float()
    # This is (D - x) / sigma^2 with c_skip - 1 = -sigma^2 / total inserted, so that no digits are lost by subtraction.
    s = per_image(sigma, x_t)
    score_of_x = -x / per_image(total, x_t) + c_out / s**2 * output
    return score_of_x / mean_factor


def edm_input(sde: SDE, x_t: Tensor, t: Tensor, sigma_data: float) -> tuple[Tensor, Tensor]:
    """Return what EDM's preconditioning gives the network: c_in x [B, C, H, W] and sigma [B]; arguments as above."""
    sigma = sde.effective_sigma(t)
    c_in = per_image(torch.rsqrt(sigma**2 + sigma_data**2), x_t)
    return c_in * (x_t / per_image(sde.mean_factor(t), x_t)), sigma


def loss_weight(kind: Literal["paper", "edm"], sde: SDE, t: Tensor, sigma_data: float) -> Tensor:
    """Return the factor on an image's || std s + z ||^2.

    paper: 1, which is lambda(t) = std(t)^2 (Eq. 5). edm: (sigma^2 + sigma_data^2) / sigma_data^2, which is EDM's
    lambda(sigma) = (sigma^2 + sigma_data^2) / (sigma sigma_data)^2 on || D - x_0 ||^2, because
    D - x_0 = sigma (std s + z).

    Args:
        kind: Which weighting.
        sde: VE or VP.
        t: [B].
        sigma_data: Standard deviation of the scaled pixels.

    Returns:
        [B].
    """
    if kind == "paper":
        return torch.ones_like(t)
    return (sde.effective_sigma(t) ** 2 + sigma_data**2) / sigma_data**2
