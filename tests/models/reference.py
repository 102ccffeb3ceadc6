"""NCSN++ and its decoder once more, slowly: functions that eat a flat list of parameters in the authors' order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor
from torch.nn import functional as F

Weights = Iterator[Tensor]


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


def res_block(
    weights: Weights, x: Tensor, embedding: Tensor | None, out_channels: int, resample: str | None = None
) -> Tensor:
    change = {None: lambda h: h, "up": nearest_up, "down": mean_down}[resample]
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
    weights: Weights, x: Tensor, embedding: Tensor, nf: int, multipliers: Sequence[int], blocks: int, attends: set[int]
) -> list[Tensor]:
    maps, pyramid = [F.conv2d(x, *islice(weights, 2), padding=1)], x
    for level, multiplier in enumerate(multipliers):
        for _ in range(blocks):
            h = res_block(weights, maps[-1], embedding, nf * multiplier)
            maps.append(attention(weights, h) if h.shape[-1] in attends else h)
        if level < len(multipliers) - 1:
            h = res_block(weights, maps[-1], embedding, nf * multiplier, "down")
            padded = torch.zeros(*pyramid.shape[:2], pyramid.shape[2] + 1, pyramid.shape[3] + 1)
            padded[..., :-1, :-1] = pyramid
            pyramid = (F.conv2d(padded, *islice(weights, 2), stride=2) + h) / math.sqrt(2)
            maps.append(pyramid)
    return maps


def middle_and_up(
    weights: Weights,
    h: Tensor,
    embedding: Tensor,
    nf: int,
    multipliers: Sequence[int],
    blocks: int,
    attends: set[int],
    maps: list[Tensor] | None,
) -> Tensor:
    h = res_block(weights, h, embedding, h.shape[1])
    h = attention(weights, h)
    h = res_block(weights, h, embedding, h.shape[1])
    for level in reversed(range(len(multipliers))):
        for _ in range(blocks + 1):
            h = h if maps is None else torch.cat([h, maps.pop()], dim=1)
            h = res_block(weights, h, embedding, nf * multipliers[level])
        if h.shape[-1] in attends:
            h = attention(weights, h)
        if level > 0:
            h = res_block(weights, h, embedding, h.shape[1], "up")
    return F.conv2d(swish(group_norm(h, *islice(weights, 2))), *islice(weights, 2), padding=1)
