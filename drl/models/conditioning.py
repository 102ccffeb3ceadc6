"""The latent path: how a code enters the score network and the reconstruction decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CodeConditioning(nn.Module):
    """Joins a code to the time embedding and makes from both a feature map for the bottleneck.

    The code goes through one linear layer and is concatenated with the time embedding; every residual block sees the
    result. A three-layer network turns the same vector into 2 nf maps of the lowest resolution. (The map is in the
    authors' code, not in the paper.)

    Args:
        nf: Base width of the network; the time embedding has 4 nf numbers.
        code_size: Size of the code.
        resolution: Lowest resolution of the network, in pixels.
        bottleneck_injection: Whether to build the map.

    Source: paper section 2 (conditioning); authors' code, `latent_to_temb` and `z_dec_1..3`, torch's default
    initialisation.
    """

    def __init__(self, *, nf: int, code_size: int, resolution: int, bottleneck_injection: bool = True) -> None:
        """Build the layers."""
        super().__init__()
        self.shape = (2 * nf, resolution, resolution)
        self.code = nn.Linear(code_size, 4 * nf)
        self.bottleneck = nn.ModuleList()
        if bottleneck_injection:
            row, area = 2 * nf * resolution, 2 * nf * resolution**2
            self.bottleneck.extend((nn.Linear(8 * nf, row), nn.Linear(row, row), nn.Linear(row, area)))

    def forward(self, time_embedding: Tensor, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """Condition on codes.

        Args:
            time_embedding: [B, 4 nf], before any activation.
            z: Codes [B, code_size].

        Returns:
            The embedding [B, 8 nf], before any activation, and the bottleneck map [B, 2 nf, R, R], after swish, or None
            where it is not built.
        """
        embedding = torch.cat((time_embedding, self.code(z)), dim=1)
        if not self.bottleneck:
            return embedding, None
        u = embedding
        for layer in self.bottleneck:
            u = F.silu(layer(u))
        return embedding, u.reshape(len(u), *self.shape)
