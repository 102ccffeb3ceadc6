"""Small networks on vectors, used as encoder E(x_0, t), score network and decoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drl.config.theory import TheoryNetwork
from drl.models.embeddings import FourierEmbedding


class Mlp(nn.Module):
    """A multilayer perceptron with SiLU between its layers.

    Args:
        sizes: Widths of the input, the hidden layers and the output.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        """Build the layers."""
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.SiLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Map [n, sizes[0]] to [n, sizes[-1]]."""
        output: Tensor = self.layers(x)
        return output


class Timed(nn.Module):
    """A multilayer perceptron on a vector and an optional code. The noise level scales and shifts its hidden layers.

    Args:
        entries: Number of entries of x and the code together.
        out: Number of entries of the output.
        settings: Width and number of the hidden layers, and the Fourier features of the logarithm of the noise.
    """

    def __init__(self, entries: int, out: int, settings: TheoryNetwork) -> None:
        """Build the layers."""
        super().__init__()
        self.embedding = FourierEmbedding(settings.frequencies, settings.fourier_scale)
        sizes = [entries, *[settings.hidden] * settings.depth]
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))
        self.modulation = nn.Linear(2 * settings.frequencies, 2 * settings.hidden * settings.depth)
        self.last = nn.Linear(settings.hidden, out)

    def forward(self, x: Tensor, log_noise: Tensor, z: Tensor | None = None) -> Tensor:
        """Map x [n, d], ln noise [n] and codes [n, c] or None to [n, out]."""
        h = x if z is None else torch.cat((x, z), 1)
        modulation = self.modulation(self.embedding(log_noise)).chunk(2 * len(self.layers), 1)
        for layer, scale, shift in zip(self.layers, modulation[::2], modulation[1::2], strict=True):
            h = F.silu((1 + scale) * layer(h) + shift)
        output: Tensor = self.last(h)
        return output
