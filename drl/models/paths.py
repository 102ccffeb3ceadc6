"""Downward path, middle and upward path of a U-Net: the parts of NCSN++ and of the reconstruction decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drl.errors import UserError, nearest
from drl.models.fir import FIRResampling
from drl.models.init import conv
from drl.models.layers import AttentionBlock, Resampling, ResBlock, combine, group_norm

InputPyramid = Literal["residual", "none"]


@dataclass(frozen=True, kw_only=True)
class UNetShape:
    """Sizes that all parts of one U-Net share.

    Attributes:
        image_size: Height and width of the images, in pixels; even at every level but the lowest.
        nf: Base width.
        channel_multipliers: Width of each level as a multiple of `nf`, full resolution first. There is one
            halving between two levels.
        blocks: Residual blocks per level in the downward path; the upward path has one more.
        attention_resolutions: Resolutions in pixels at which blocks are followed by self-attention.
        embedding_size: Size of the embedding that shifts every block; None for blocks without one.
        dropout: Probability in residual blocks.
        fir: Whether all resampling smooths with a FIR filter.

    Raises:
        UserError: If the image cannot be halved often enough or a number is out of range.
    """

    image_size: int
    nf: int
    channel_multipliers: tuple[int, ...]
    blocks: int
    attention_resolutions: tuple[int, ...]
    embedding_size: int | None
    dropout: float
    fir: bool = False

    def __post_init__(self) -> None:
        """Check the sizes."""
        for name in ("image_size", "nf", "blocks"):
            if getattr(self, name) < 1:
                raise UserError(f"network: {name} is {getattr(self, name)}; it must be at least 1")
        if not self.channel_multipliers or min(self.channel_multipliers) < 1:
            raise UserError(
                f"network: channel_multipliers {self.channel_multipliers}; give one or more, each at least 1"
            )
        if not 0 <= self.dropout < 1:
            raise UserError(f"network: dropout {self.dropout} is outside [0, 1); choose a probability below 1")
        if self.image_size % 2 ** (self.levels - 1):
            raise UserError(
                f"network: image_size {self.image_size} cannot be halved {self.levels - 1} times; "
                f"give {self.levels - 1} fewer channel_multipliers or images of a multiple of {2 ** (self.levels - 1)}"
            )

    @property
    def levels(self) -> int:
        """Number of resolutions."""
        return len(self.channel_multipliers)

    def width(self, level: int) -> int:
        """Return the number of channels at a level; 0 is full resolution."""
        return self.nf * self.channel_multipliers[level]

    def resolution(self, level: int) -> int:
        """Return height and width at a level, in pixels."""
        return self.image_size >> level

    def attends(self, level: int) -> bool:
        """Say whether a level has self-attention."""
        return self.resolution(level) in self.attention_resolutions


class Stage(nn.Module):
    """A residual block, optionally followed by self-attention."""

    def __init__(self, shape: UNetShape, in_channels: int, out_channels: int, *, attention: bool) -> None:
        """Build the layers."""
        super().__init__()
        self.block = _block(shape, in_channels, out_channels)
        self.attention = AttentionBlock(out_channels) if attention else None

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        """Map [B, in_channels, H, W] to [B, out_channels, H, W]."""
        h: Tensor = self.block(x, embedding)
        return h if self.attention is None else self.attention(h)


class DownPath(nn.Module):
    """Downward path, from an image to feature maps of every level.

    Args:
        shape: Sizes of the network.
        channels: Channels of the image.
        input_pyramid: `residual` adds a strided convolution of the image (then of the sum) after every halving.

    Source: score_sde (`NCSNpp`, downsampling part, `progressive_input`).
    """

    def __init__(self, shape: UNetShape, *, channels: int, input_pyramid: InputPyramid) -> None:
        """Build the layers."""
        super().__init__()
        if input_pyramid not in ("residual", "none"):
            raise UserError(
                f"network: unknown input_pyramid {input_pyramid!r}; {nearest(input_pyramid, ('residual', 'none'))}"
            )
        self.conv = conv(channels, shape.nf, 3, padding=1)
        self.levels = nn.ModuleList()
        self.skip_channels = [shape.nf]
        pyramid_channels = channels if input_pyramid == "residual" else None
        for level in range(shape.levels):
            last = level == shape.levels - 1
            in_channels, width = self.skip_channels[-1], shape.width(level)
            self.levels.append(_DownLevel(shape, level, in_channels, None if last else pyramid_channels))
            self.skip_channels += [width] * (shape.blocks + (not last))
            pyramid_channels = None if pyramid_channels is None else width

    def forward(self, x: Tensor, embedding: Tensor | None) -> list[Tensor]:
        """Map an image [B, channels, H, W] to feature maps of the widths `skip_channels`; the bottleneck is last."""
        maps: list[Tensor] = [self.conv(x)]
        pyramid = x
        for level in self.levels:
            pyramid = level(maps, pyramid, embedding)
        return maps


class _DownLevel(nn.Module):
    def __init__(self, shape: UNetShape, level: int, in_channels: int, pyramid_channels: int | None) -> None:
        """Build the layers."""
        super().__init__()
        width, attention = shape.width(level), shape.attends(level)
        widths = [in_channels] + [width] * shape.blocks
        self.stages = nn.ModuleList(Stage(shape, i, width, attention=attention) for i in widths[:-1])
        last = level == shape.levels - 1
        self.downsampler = None if last else _block(shape, width, width, "down")
        self.pyramid = None if pyramid_channels is None else conv(pyramid_channels, width, 3, stride=2)
        self.fir = FIRResampling() if shape.fir and self.pyramid is not None else None

    def forward(self, maps: list[Tensor], pyramid: Tensor, embedding: Tensor | None) -> Tensor:
        """Append the maps of this level, then the halved map; return the input pyramid of the next level."""
        for stage in self.stages:
            maps.append(stage(maps[-1], embedding))
        if self.downsampler is None:
            return pyramid
        h: Tensor = self.downsampler(maps[-1], embedding)
        if self.pyramid is not None:
            padded = F.pad(pyramid, (0, 1, 0, 1)) if self.fir is None else self.fir.smooth(pyramid)
            h = pyramid = combine(self.pyramid(padded), h)
        maps.append(h)
        return pyramid


class Middle(nn.Module):
    """Residual block, self-attention, residual block, all of one width, at the lowest resolution."""

    def __init__(self, shape: UNetShape, channels: int) -> None:
        """Build the layers."""
        super().__init__()
        self.first = Stage(shape, channels, channels, attention=True)
        self.second = _block(shape, channels, channels)

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        """Map [B, channels, R, R] to the same shape."""
        h: Tensor = self.second(self.first(x, embedding), embedding)
        return h


class UpPath(nn.Module):
    """Upward path, from the lowest resolution to an image. The last convolution is nearly zero at the start.

    Args:
        shape: Sizes of the network.
        in_channels: Width of the output of the middle.
        channels: Channels of the image.
        skip_channels: Widths of the maps of the downward path, in its order; empty for a decoder without skips.

    Source: score_sde (`NCSNpp`, upsampling part); authors' code (`Decoder`).
    """

    def __init__(self, shape: UNetShape, *, in_channels: int, channels: int, skip_channels: Sequence[int] = ()) -> None:
        """Build the layers."""
        super().__init__()
        self.levels = nn.ModuleList()
        waiting = list(skip_channels) or [0] * (shape.levels * (shape.blocks + 1))
        for level in reversed(range(shape.levels)):
            taken = [waiting.pop() for _ in range(shape.blocks + 1)]
            self.levels.append(_UpLevel(shape, level, in_channels, taken))
            in_channels = shape.width(level)
        self.norm = group_norm(in_channels)
        self.conv = conv(in_channels, channels, 3, padding=1, init_scale=0.0)

    def forward(self, h: Tensor, embedding: Tensor | None, skips: Sequence[Tensor] = ()) -> Tensor:
        """Map [B, in_channels, R, R] and the maps of the downward path to an image [B, channels, H, W]."""
        waiting = list(skips)
        for level in self.levels:
            h = level(h, embedding, waiting)
        image: Tensor = self.conv(F.silu(self.norm(h)))
        return image


class _UpLevel(nn.Module):
    def __init__(self, shape: UNetShape, level: int, in_channels: int, skip_channels: list[int]) -> None:
        """Build the layers."""
        super().__init__()
        width, attention = shape.width(level), shape.attends(level)
        widths = [in_channels] + [width] * shape.blocks
        last = len(widths) - 1
        self.stages = nn.ModuleList(
            Stage(shape, own + skip, width, attention=attention and i == last)
            for i, (own, skip) in enumerate(zip(widths, skip_channels, strict=True))
        )
        self.upsampler = None if level == 0 else _block(shape, width, width, "up")

    def forward(self, h: Tensor, embedding: Tensor | None, waiting: list[Tensor]) -> Tensor:
        """Apply the level; maps of the downward path are taken from the end of `waiting`."""
        for stage in self.stages:
            h = stage(torch.cat((h, waiting.pop()), dim=1) if waiting else h, embedding)
        return h if self.upsampler is None else self.upsampler(h, embedding)


def _block(shape: UNetShape, in_channels: int, out_channels: int, resampling: Resampling | None = None) -> ResBlock:
    return ResBlock(
        in_channels,
        out_channels,
        embedding_size=shape.embedding_size,
        dropout=shape.dropout,
        resampling=resampling,
        fir=shape.fir,
    )
