"""Embeddings of the noise level: features of one number, then a small MLP."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drl.errors import UserError, nearest
from drl.models.init import linear

EmbeddingKind = Literal["fourier", "positional"]


class FourierEmbedding(nn.Module):
    """Random Fourier features sin(2 pi W v), cos(2 pi W v) with frozen W ~ N(0, scale^2).

    W is a persistent buffer: it is saved with the model, but it is not a parameter and never trained.

    Args:
        size: Number of frequencies; there are twice as many features.
        scale: Standard deviation of the frequencies.

    Source: score_sde (`GaussianFourierProjection`).
    """

    frequencies: Tensor

    def __init__(self, size: int, scale: float = 16.0) -> None:
        """Build the layers."""
        super().__init__()
        self.register_buffer("frequencies", torch.randn(size) * scale)

    def forward(self, log_sigma: Tensor) -> Tensor:
        """Map the natural logarithms of noise levels [B] to features [B, 2 size], sines first."""
        phase = 2 * math.pi * log_sigma[:, None] * self.frequencies
        return torch.cat((phase.sin(), phase.cos()), dim=1)


class PositionalEmbedding(nn.Module):
    """Sinusoidal features of a number: wavelengths in geometric progression from 2 pi to 10000 x 2 pi.

    Args:
        size: Number of features, >= 4; first the sines, then the cosines, then a zero if `size` is odd.

    Raises:
        UserError: If `size` is below 4.

    Source: DDPM and score_sde (`get_timestep_embedding`).
    """

    frequencies: Tensor

    def __init__(self, size: int) -> None:
        """Build the layers."""
        super().__init__()
        if size < 4:
            raise UserError(f"positional embedding: size {size} is too small; use nf of at least 4")
        half = size // 2
        frequencies = torch.exp(-math.log(10000) / (half - 1) * torch.arange(half, dtype=torch.float32))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.padding = size % 2

    def forward(self, position: Tensor) -> Tensor:
        """Map numbers [B] to features [B, size]."""
        phase = position[:, None] * self.frequencies
        features = torch.cat((phase.sin(), phase.cos()), dim=1)
        return F.pad(features, (0, self.padding)) if self.padding else features


class TimeMLP(nn.Module):
    """Linear, swish, linear. There is no activation at the end; each user of the embedding applies its own.

    Args:
        in_features: Size of the features.
        out_features: Size of the hidden layer and of the embedding.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        """Build the layers."""
        super().__init__()
        self.linear_0 = linear(in_features, out_features)
        self.linear_1 = linear(out_features, out_features)

    def forward(self, features: Tensor) -> Tensor:
        """Map features [B, in_features] to embeddings [B, out_features]."""
        embedding: Tensor = self.linear_1(F.silu(self.linear_0(features)))
        return embedding


class NoiseEmbedding(nn.Module):
    """The time embedding of the score network: features of the noise level, then an MLP to 4 nf numbers.

    Args:
        nf: Base width of the network.
        kind: `fourier` (features of ln sigma; VE) or `positional` (features of the number as it is; VP passes 999 t).
        fourier_scale: Standard deviation of the random frequencies.

    Raises:
        UserError: If `kind` is unknown.

    Source: authors' code (`NCSNpp`, first modules).
    """

    def __init__(self, nf: int, kind: EmbeddingKind = "fourier", fourier_scale: float = 16.0) -> None:
        """Build the layers."""
        super().__init__()
        if kind not in ("fourier", "positional"):
            raise UserError(f"network: unknown embedding {kind!r}; {nearest(kind, ('fourier', 'positional'))}")
        self.kind = kind
        self.features = FourierEmbedding(nf, fourier_scale) if kind == "fourier" else PositionalEmbedding(nf)
        self.mlp = TimeMLP(2 * nf if kind == "fourier" else nf, 4 * nf)

    def forward(self, noise_level: Tensor) -> Tensor:
        """Map noise levels [B] (sigma > 0 if `kind` is fourier) to embeddings [B, 4 nf]."""
        number = noise_level.log() if self.kind == "fourier" else noise_level
        embedding: Tensor = self.mlp(self.features(number))
        return embedding


class TimeEmbedding(nn.Module):
    """The time embedding of an encoder: Fourier features of ln sigma(t), then an MLP to 4 nf numbers.

    Args:
        nf: Number of frequencies.
        fourier_scale: Standard deviation of the random frequencies.
        sigma_min: Noise level at t = 0; sigma(t) = sigma_min (sigma_max/sigma_min)^t for every process of the score
            network.
        sigma_max: Noise level at t = 1.

    Raises:
        UserError: If the noise levels are not 0 < sigma_min < sigma_max.

    Source: authors' code (`TimeEmbedding`).
    """

    def __init__(
        self, nf: int, *, fourier_scale: float = 16.0, sigma_min: float = 0.01, sigma_max: float = 50.0
    ) -> None:
        """Build the layers."""
        super().__init__()
        if not 0 < sigma_min < sigma_max:
            raise UserError(f"encoder: sigma_min {sigma_min}, sigma_max {sigma_max}; need 0 < sigma_min < sigma_max")
        self.log_sigma_min, self.log_sigma_range = math.log(sigma_min), math.log(sigma_max / sigma_min)
        self.features = FourierEmbedding(nf, fourier_scale)
        self.mlp = TimeMLP(2 * nf, 4 * nf)

    def forward(self, t: Tensor) -> Tensor:
        """Map times [B] in [0, 1] to embeddings [B, 4 nf], before any activation."""
        embedding: Tensor = self.mlp(self.features(self.log_sigma_min + self.log_sigma_range * t))
        return embedding
