"""Building blocks of NCSN++: normalisation, resampling, residual blocks, self-attention."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drl.errors import UserError
from drl.models.fir import FIRResampling
from drl.models.init import conv, fan_avg_uniform_, linear

Resampling = Literal["up", "down"]


class GroupNorm(nn.GroupNorm):
    """Group normalisation that always computes in float32.

    Statistics in bfloat16 would lose digits, and bfloat16 in channels_last takes three times as long on a CPU.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [B, C, ...]; the result has the type of `x`."""
        return super().forward(x.float()).to(x.dtype)


def group_norm(channels: int) -> GroupNorm:
    """Return GroupNorm with min(channels / 4, 32) groups and eps 1e-6.

    Raises:
        UserError: If the channels cannot be divided into that many groups.
    """
    groups = min(channels // 4, 32)
    if groups == 0 or channels % groups:
        raise UserError(
            f"network: {channels} channels cannot be split into {groups} normalisation groups; "
            "choose nf and channel_multipliers so that all widths are multiples of 4 (of 32 above 128)"
        )
    return GroupNorm(groups, channels, eps=1e-6)


def dropout(x: Tensor, probability: float, training: bool) -> Tensor:
    """Zero activations at random and scale up the rest, with torch's default generator.

    On a CPU, `F.dropout` draws one number per activation, which takes a tenth of a training step. Here each activation
    uses only 16 bits of a number, which is enough for a probability rounded to a multiple of 2^-16.

    Args:
        x: Any shape.
        probability: Probability of zeroing an activation, in [0, 1).
        training: If false, `x` is returned unchanged.
    """
    if not training or probability == 0:
        return x
    dense = x.is_contiguous() or (x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last))
    if x.device.type != "cpu" or torch.compiler.is_compiling() or not dense:
        return F.dropout(x, probability)
    bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    threshold = min(round(probability * 2**16), 2**16 - 1) - 2**15
    kept = (bits.view(torch.int16)[: x.numel()] >= threshold).as_strided(x.shape, x.stride())
    return x * kept.to(x.dtype).mul_(1 / (1 - probability))


def upsample(x: Tensor) -> Tensor:
    """Double height and width by repeating pixels: [B, C, H, W] -> [B, C, 2H, 2W]."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def downsample(x: Tensor) -> Tensor:
    """Halve height and width by 2x2 means: [B, C, H, W] -> [B, C, H/2, W/2], H and W even."""
    return F.avg_pool2d(x, 2)


def resample(x: Tensor, direction: Resampling | None, fir: FIRResampling | None = None) -> Tensor:
    """Resample by a factor of 2, with a smoothing filter if one is given. Without a direction, return x."""
    if direction is None:
        return x
    if fir is not None:
        return fir.upsample(x) if direction == "up" else fir.downsample(x)
    return upsample(x) if direction == "up" else downsample(x)


def combine(skip: Tensor, h: Tensor) -> Tensor:
    """Add a residual and divide by sqrt(2), so that the variance does not change ("skip_rescale")."""
    return (skip + h) / math.sqrt(2)


class ResBlock(nn.Module):
    """BigGAN residual block, optionally resampling, shifted per channel by an embedding.

    h = conv3x3(resample(swish(GN(x)))) + Linear(embedding); h = conv3x3(dropout(swish(GN(h)))), nearly zero at the
    start; the result is (skip(resample(x)) + h) / sqrt(2). The skip is a 1x1 convolution if the width changes or the
    block resamples (also at equal widths, as in the authors' code), otherwise the identity.

    Args:
        in_channels: Width of the input.
        out_channels: Width of the output.
        embedding_size: Size of the embedding; None builds a block without one.
        dropout: Probability of zeroing an activation in training mode (torch's default generator).
        resampling: `up` doubles height and width, `down` halves them.
        fir: Whether resampling smooths with a FIR filter.

    Source: score_sde (`ResnetBlockBigGANpp`). It names the layers, in the same order, GroupNorm_0, Conv_0, Dense_0,
    GroupNorm_1, Conv_1, Conv_2.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        embedding_size: int | None,
        dropout: float = 0.0,
        resampling: Resampling | None = None,
        fir: bool = False,
    ) -> None:
        """Build the layers."""
        super().__init__()
        self.norm_0 = group_norm(in_channels)
        self.conv_0 = conv(in_channels, out_channels, 3, padding=1)
        self.shift = None if embedding_size is None else linear(embedding_size, out_channels)
        self.norm_1 = group_norm(out_channels)
        self.conv_1 = conv(out_channels, out_channels, 3, padding=1, init_scale=0.0)
        plain = in_channels == out_channels and resampling is None
        self.skip = None if plain else conv(in_channels, out_channels, 1)
        self.dropout = dropout
        self.resampling = resampling
        self.fir = FIRResampling() if fir and resampling is not None else None

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        """Apply the block.

        Args:
            x: [B, in_channels, H, W].
            embedding: [B, embedding_size], *after* its activation: the network applies swish once for all blocks.

        Returns:
            [B, out_channels, H', W'].
        """
        h: Tensor = self.conv_0(resample(F.silu(self.norm_0(x)), self.resampling, self.fir))
        if self.shift is not None:
            h = h + self.shift(embedding)[:, :, None, None]
        h = dropout(F.silu(self.norm_1(h)), self.dropout, self.training)
        skip = resample(x, self.resampling, self.fir)
        return combine(skip if self.skip is None else self.skip(skip), self.conv_1(h))


def _attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return softmax(query key^T / sqrt(channels)) value, each [B, heads, N, channels]; the scale is score_sde's."""
    if query.device.type != "cpu" or query.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(query, key, value)
    # On a CPU, torch's attention in bfloat16 takes 1.5 to 8 times as long as in float32, with AMX too.
    with torch.autocast("cpu", enabled=False):
        return F.scaled_dot_product_attention(query.float(), key.float(), value.float()).bfloat16()


class AttentionBlock(nn.Module):
    """Self-attention with one head over all positions, with a residual connection divided by sqrt(2).

    Args:
        channels: Width of input and output.

    Source: score_sde (`AttnBlockpp`). It has three NINs for query, key and value, each with an [in, out] matrix. Here,
    `qkv.weight` [3 channels, channels] contains their transposes one below the other, and `qkv.bias` their biases.
    """

    def __init__(self, channels: int) -> None:
        """Build the layers."""
        super().__init__()
        self.norm = group_norm(channels)
        self.qkv = linear(channels, 3 * channels)
        for weight in self.qkv.weight.chunk(3):
            fan_avg_uniform_(weight, 0.1)
        self.out = linear(channels, channels, init_scale=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Attend from every position to every position: [B, C, H, W] -> [B, C, H, W]."""
        height, width = x.shape[-2:]
        # In channels_last, both reshapes are views, so no data is copied.
        tokens = self.norm(x).flatten(2).transpose(1, 2)
        query, key, value = self.qkv(tokens).unsqueeze(1).chunk(3, dim=-1)
        h = self.out(_attention(query, key, value).squeeze(1))
        return combine(x, h.transpose(1, 2).unflatten(2, (height, width)))
