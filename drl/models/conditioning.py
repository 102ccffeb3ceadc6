"""The latent paths, through which a code enters the score network and the reconstruction decoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drl.errors import UserError, nearest
from drl.models.init import dense
from drl.models.paths import Middle, UNetShape

CodePathKind = Literal["linear", "dense_map", "dense_middle"]


class CodePath(nn.Module, ABC):
    """Joins a code to the time embedding and lets it act on the bottleneck.

    Attributes:
        map_channels: Channels that `inject` adds to the bottleneck.
    """

    map_channels: int

    @abstractmethod
    def forward(self, time_embedding: Tensor, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """Condition on codes.

        Args:
            time_embedding: [B, 4 nf], before any activation.
            z: Codes [B, code_size].

        Returns:
            The embedding [B, 8 nf], before any activation, and the input of `inject`; None if nothing is injected.
        """

    def inject(self, h: Tensor, u: Tensor | None) -> Tensor:
        """Add the code to a bottleneck [B, C, R, R]; return [B, C + map_channels, R, R]."""
        if u is None:
            return h
        # After a concatenation of mixed layouts, everything would be in NCHW again. u is the smallest of all maps.
        if h.is_contiguous(memory_format=torch.channels_last):
            u = u.contiguous(memory_format=torch.channels_last)
        return torch.cat((h, u), dim=1)


class CodeConditioning(CodePath):
    """Joins a code to the time embedding, and makes a feature map for the bottleneck from both.

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
        self.map_channels = 2 * nf if bottleneck_injection else 0
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
            if it is not built.
        """
        embedding = torch.cat((time_embedding, self.code(z)), dim=1)
        if not self.bottleneck:
            return embedding, None
        u = _swish_chain(self.bottleneck, embedding)
        return embedding, u.reshape(len(u), *self.shape)


class DenseMapConditioning(CodePath):
    """Dense layers from a code to an embedding of 4 nf numbers, and from there to as many maps as the bottleneck has.

    If the code depends on t, some of these layers also get the time, because z then has another meaning at every t.

    Args:
        shape: Sizes of the network.
        code_size: Size of the code.
        timed: Whether the code depends on t.
        bottleneck_injection: Whether to build the maps.

    Source: authors' first code (JAX, `cifarmodel`, "initial decode steps" and `z0_dec_late`).
    """

    def __init__(self, shape: UNetShape, *, code_size: int, timed: bool, bottleneck_injection: bool = True) -> None:
        """Build the layers."""
        super().__init__()
        nf, lowest = shape.nf, shape.levels - 1
        self.shape = (shape.width(lowest), shape.resolution(lowest), shape.resolution(lowest))
        self.map_channels = self.shape[0] if bottleneck_injection else 0
        self.layers = _dense_chain(code_size, _first_width(code_size, nf), 2 * nf, 4 * nf)
        self.timed = dense(8 * nf, 4 * nf) if timed else None
        self.code = dense(4 * nf, 4 * nf)
        self.to_map = self.from_map = None
        if bottleneck_injection:
            joined = (24 if timed else 16) * nf
            self.to_map = _dense_chain(4 * nf, 4 * nf, 8 * nf, 16 * nf)
            self.from_map = _dense_chain(joined, 32 * nf, 64 * nf, self.shape[0] * self.shape[1] * self.shape[2])

    def forward(self, time_embedding: Tensor, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """Condition on codes; the maps [B, C, R, R] are after swish. Arguments as in `CodePath`."""
        h = _swish_chain(self.layers, z)
        if self.timed is not None:
            h = F.silu(self.timed(torch.cat((F.silu(time_embedding), h), dim=1)))
        code = self.code(h)
        embedding = torch.cat((time_embedding, code), dim=1)
        if self.to_map is None or self.from_map is None:
            return embedding, None
        u = _swish_chain(self.to_map, F.silu(code))
        if self.timed is not None:
            u = torch.cat((F.silu(embedding), u), dim=1)
        u = _swish_chain(self.from_map, u)
        return embedding, u.reshape(len(u), *self.shape)


class DenseMiddleConditioning(CodePath):
    """Dense layers from a code to an embedding of 4 nf numbers, which also conditions an additional middle.

    The additional middle (residual block, self-attention, residual block) gets the code but not the time. It comes
    before the middle of the network.

    Args:
        shape: Sizes of the network.
        code_size: Size of the code.
        bottleneck_injection: Whether to build the middle.

    Source: authors' first code (JAX, `mnistsmall`).
    """

    map_channels = 0

    def __init__(self, shape: UNetShape, *, code_size: int, bottleneck_injection: bool = True) -> None:
        """Build the layers."""
        super().__init__()
        nf = shape.nf
        self.layers = _dense_chain(code_size, _first_width(code_size, nf), 2 * nf, 2 * nf)
        self.code = dense(2 * nf, 4 * nf)
        self.middle = None
        if bottleneck_injection:
            self.middle = Middle(replace(shape, embedding_size=4 * nf), shape.width(shape.levels - 1))

    def forward(self, time_embedding: Tensor, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """Condition on codes; `inject` takes the code's embedding [B, 4 nf] after swish. Arguments as in `CodePath`."""
        code = self.code(_swish_chain(self.layers, z))
        return torch.cat((time_embedding, code), dim=1), None if self.middle is None else F.silu(code)

    def inject(self, h: Tensor, u: Tensor | None) -> Tensor:
        """Apply the additional middle to a bottleneck [B, C, R, R], if there is one."""
        if self.middle is None:
            return h
        after: Tensor = self.middle(h, u)
        return after


def build_code_path(
    kind: CodePathKind, shape: UNetShape, *, code_size: int, timed: bool, bottleneck_injection: bool
) -> CodePath:
    """Build a latent path by its name.

    Args:
        kind: `linear` (128-d networks), `dense_map` (2-d networks of colour images) or `dense_middle` (of digits).
        shape: Sizes of the network.
        code_size: Size of the code, >= 1.
        timed: Whether the code depends on t; only `dense_map` uses it.
        bottleneck_injection: Whether the code also acts on the bottleneck.

    Raises:
        UserError: If `kind` is unknown or `code_size` is below 1.
    """
    valid = ("linear", "dense_map", "dense_middle")
    if kind not in valid:
        raise UserError(f"network: unknown code_path {kind!r}; {nearest(kind, valid)}")
    if code_size < 1:
        raise UserError(f"network: code_size is {code_size}; it must be at least 1")
    if kind == "linear":
        resolution = shape.resolution(shape.levels - 1)
        return CodeConditioning(
            nf=shape.nf, code_size=code_size, resolution=resolution, bottleneck_injection=bottleneck_injection
        )
    if kind == "dense_map":
        return DenseMapConditioning(shape, code_size=code_size, timed=timed, bottleneck_injection=bottleneck_injection)
    return DenseMiddleConditioning(shape, code_size=code_size, bottleneck_injection=bottleneck_injection)


def _first_width(code_size: int, nf: int) -> int:
    return nf if code_size < nf else 2 * nf


def _dense_chain(*sizes: int) -> nn.ModuleList:
    return nn.ModuleList(dense(before, after) for before, after in pairwise(sizes))


def _swish_chain(layers: nn.ModuleList, h: Tensor) -> Tensor:
    for layer in layers:
        h = F.silu(layer(h))
    return h
