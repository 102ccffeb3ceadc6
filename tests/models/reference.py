"""NCSN++ and its decoder once more, slowly: functions that eat a flat list of parameters in the authors' order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Weights = Iterator[Tensor]


def take(weights: Weights, h: Tensor) -> Tensor:
    """Apply the next linear layer."""
    weight, bias = islice(weights, 2)
    return h @ weight.T + bias


def swish(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


def group_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    channels = x.shape[1]
    groups = min(channels // 4, 32)
    parts = x.reshape(len(x), groups, -1)
    centred = parts - parts.mean(-1, keepdim=True)
    normed = (centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + 1e-6)).reshape(x.shape)
    return normed * weight[:, None, None] + bias[:, None, None]


def nearest_up(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def mean_down(x: Tensor) -> Tensor:
    return (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4


def upfirdn2d(x: Tensor, kernel: np.ndarray, up: int = 1, down: int = 1, pad: tuple[int, int] = (0, 0)) -> Tensor:
    """Put zeros between pixels, pad, convolve (kernel turned round), keep every `down`-th pixel; pixel by pixel."""
    batch, channels, height, width = x.shape
    stuffed = np.zeros((batch, channels, height * up, width * up))
    stuffed[..., ::up, ::up] = x.detach().numpy()
    padded = np.pad(stuffed, ((0, 0), (0, 0), pad, pad))
    size = len(kernel)
    out = np.zeros((batch, channels, padded.shape[2] - size + 1, padded.shape[3] - size + 1))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            out[..., i, j] = (padded[..., i : i + size, j : j + size] * kernel[::-1, ::-1]).sum((2, 3))
    return torch.from_numpy(np.ascontiguousarray(out[..., ::down, ::down])).to(x.dtype)


FIR = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


def fir_up(x: Tensor) -> Tensor:
    """score_sde's upsample_2d: gain 4, padding ((p + 1) // 2 + 1, p // 2) with p = 4 - 2."""
    return upfirdn2d(x, 4 * FIR, up=2, pad=(2, 1))


def fir_down(x: Tensor) -> Tensor:
    """score_sde's downsample_2d: padding ((p + 1) // 2, p // 2) with p = 4 - 2."""
    return upfirdn2d(x, FIR, down=2, pad=(1, 1))


def fir_conv_down(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """score_sde's conv_downsample_2d: padding ((p + 1) // 2, p // 2) with p = (4 - 2) + (3 - 1)."""
    return F.conv2d(upfirdn2d(x, FIR, pad=(2, 2)), weight, bias, stride=2)


def res_block(
    weights: Weights,
    x: Tensor,
    embedding: Tensor | None,
    out_channels: int,
    resample: str | None = None,
    fir: bool = False,
) -> Tensor:
    up, down = (fir_up, fir_down) if fir else (nearest_up, mean_down)
    change = {None: lambda h: h, "up": up, "down": down}[resample]
    h = change(swish(group_norm(x, *islice(weights, 2))))
    h = F.conv2d(h, *islice(weights, 2), padding=1)
    if embedding is not None:
        weight, bias = islice(weights, 2)
        h = h + (swish(embedding) @ weight.T + bias)[:, :, None, None]
    h = swish(group_norm(h, *islice(weights, 2)))
    h = F.conv2d(h, *islice(weights, 2), padding=1)
    skip = change(x)
    if x.shape[1] != out_channels or resample:
        weight, bias = islice(weights, 2)
        skip = torch.einsum("oi,bihw->bohw", weight[:, :, 0, 0], skip) + bias[:, None, None]
    return (skip + h) / math.sqrt(2)


def attention(weights: Weights, x: Tensor) -> Tensor:
    channels = x.shape[1]
    h = group_norm(x, *islice(weights, 2))
    matrix, offset = islice(weights, 2)
    query, key, value = (
        torch.einsum("oc,bchw->bohw", matrix[i : i + channels], h) + offset[i : i + channels, None, None]
        for i in (0, channels, 2 * channels)
    )
    scores = torch.einsum("bchw,bcij->bhwij", query, key) * channels**-0.5
    scores = scores.flatten(3).softmax(-1).reshape(scores.shape)
    h = torch.einsum("bhwij,bcij->bchw", scores, value)
    matrix, offset = islice(weights, 2)
    return (x + torch.einsum("oc,bchw->bohw", matrix, h) + offset[:, None, None]) / math.sqrt(2)


def down_path(
    weights: Weights,
    x: Tensor,
    embedding: Tensor | None,
    nf: int,
    multipliers: Sequence[int],
    blocks: int,
    attends: set[int],
    fir: bool = False,
    with_pyramid: bool = True,
) -> list[Tensor]:
    maps, pyramid = [F.conv2d(x, *islice(weights, 2), padding=1)], x
    for level, multiplier in enumerate(multipliers):
        for _ in range(blocks):
            h = res_block(weights, maps[-1], embedding, nf * multiplier)
            maps.append(attention(weights, h) if h.shape[-1] in attends else h)
        if level < len(multipliers) - 1:
            h = res_block(weights, maps[-1], embedding, nf * multiplier, "down", fir)
            if not with_pyramid:
                maps.append(h)
                continue
            padded = torch.zeros(*pyramid.shape[:2], pyramid.shape[2] + 1, pyramid.shape[3] + 1)
            padded[..., :-1, :-1] = pyramid
            weight, bias = islice(weights, 2)
            small = fir_conv_down(pyramid, weight, bias) if fir else F.conv2d(padded, weight, bias, stride=2)
            pyramid = (small + h) / math.sqrt(2)
            maps.append(pyramid)
    return maps


def middle(weights: Weights, h: Tensor, embedding: Tensor | None) -> Tensor:
    h = res_block(weights, h, embedding, h.shape[1])
    h = attention(weights, h)
    return res_block(weights, h, embedding, h.shape[1])


def middle_and_up(
    weights: Weights,
    h: Tensor,
    embedding: Tensor,
    nf: int,
    multipliers: Sequence[int],
    blocks: int,
    attends: set[int],
    maps: list[Tensor] | None,
    fir: bool = False,
) -> Tensor:
    h = middle(weights, h, embedding)
    for level in reversed(range(len(multipliers))):
        for _ in range(blocks + 1):
            h = h if maps is None else torch.cat([h, maps.pop()], dim=1)
            h = res_block(weights, h, embedding, nf * multipliers[level])
        if h.shape[-1] in attends:
            h = attention(weights, h)
        if level > 0:
            h = res_block(weights, h, embedding, h.shape[1], "up", fir)
    return F.conv2d(swish(group_norm(h, *islice(weights, 2))), *islice(weights, 2), padding=1)
