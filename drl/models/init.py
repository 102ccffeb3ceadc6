"""Weight initialisation: variance scaled by the mean of both fans (NCSN++) or by the fan-in (other networks)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


@torch.no_grad()
def fan_avg_uniform_(weight: Tensor, scale: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight with U(-l, l), l = sqrt(3 v), variance v = scale / ((fan_in + fan_out) / 2), in place.

    Args:
        weight: Linear weight [out, in] or convolution weight [out, in, kh, kw]; both fans count the receptive field.
        scale: Factor of the variance, >= 0. The value 0 means 1e-10: the layer is nearly but not exactly zero, so that
            gradients of earlier layers do not vanish.
        generator: Source of the numbers; None means torch's default generator.

    Returns:
        The same tensor.

    Source: authors' code and score_sde (`default_init`), after DDPM.
    """
    receptive_field = math.prod(weight.shape[2:])
    fan_avg = receptive_field * (weight.shape[0] + weight.shape[1]) / 2
    limit = math.sqrt(3 * (scale or 1e-10) / fan_avg)
    return weight.uniform_(-limit, limit, generator=generator)


def linear(in_features: int, out_features: int, init_scale: float = 1.0) -> nn.Linear:
    """Return a linear layer with fan_avg weights and zero bias. It also replaces the "NIN" of score_sde.

    score_sde stores a NIN weight as [in, out]; here it is the transpose, [out, in].
    """
    layer = nn.Linear(in_features, out_features)
    fan_avg_uniform_(layer.weight, init_scale)
    nn.init.zeros_(layer.bias)
    return layer


def conv(
    in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, padding: int = 0, init_scale: float = 1.0
) -> nn.Conv2d:
    """Return a square convolution with fan_avg weights and zero bias."""
    layer = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=padding)
    fan_avg_uniform_(layer.weight, init_scale)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


@torch.no_grad()
def lecun_normal_(weight: Tensor, fan_in: int, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight, in place, with a normal distribution of variance 1 / fan_in cut off at two standard deviations.

    Args:
        weight: Any shape.
        fan_in: Number of terms in the sum that gives one output, >= 1.
        generator: Source of the numbers; None means torch's default generator.

    Returns:
        The same tensor.

    Source: Flax's default, which the authors' first code uses in its code paths and small networks.
    """
    # A standard normal distribution cut off at -2 and 2 has this standard deviation.
    std = 1 / (math.sqrt(fan_in) * 0.87962566103423978)
    return nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std, generator=generator)


def dense(in_features: int, out_features: int) -> nn.Linear:
    """Return a linear layer with `lecun_normal_` weights and zero bias."""
    layer = nn.Linear(in_features, out_features)
    lecun_normal_(layer.weight, in_features)
    nn.init.zeros_(layer.bias)
    return layer
