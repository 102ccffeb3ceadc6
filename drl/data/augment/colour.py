"""Colour jitter and greyscale, with separate factors and a separate order of operations for each image.

The arithmetic equals torchvision's functional operations on float images with values in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from drl.data.augment.host import to_device

GREY_WEIGHTS = (0.2989, 0.587, 0.114)
BRIGHTNESS, CONTRAST, SATURATION = range(3)


@dataclass(frozen=True)
class Jitter:
    """The random choices of torchvision's ColorJitter inside RandomApply, for n images.

    Attributes:
        on: bool [n], which images are changed.
        factors: Factors of brightness, contrast and saturation, float32 [n, 3]; 1 changes nothing.
        hue: Shift in turns of the colour circle, float32 [n].
        order: int64 [n, 3], a permutation of brightness, contrast, saturation.
        hue_place: int64 [n] in 0..3, how many of these three come before the hue. Together with `order` this describes
            each of the 24 orders of the four operations exactly once.
    """

    on: Tensor
    factors: Tensor
    hue: Tensor
    order: Tensor
    hue_place: Tensor


def draw_jitter(n: int, amounts: tuple[float, ...], probability: float, generator: torch.Generator) -> Jitter:
    """Draw the jitter of n images.

    Args:
        n: Number of images.
        amounts: Amounts of brightness, contrast, saturation (factors are uniform in [max(0, 1 - amount), 1 + amount])
            and hue (uniform in [-amount, amount], at most 0.5).
        probability: Probability that an image is changed at all.
        generator: Source of randomness; the draws are on its device.
    """
    device = generator.device
    u = torch.rand(n, 8, generator=generator, device=device)
    spread = _spread(amounts, device)
    low = (1 - spread[:3]).clamp_min(0)
    return Jitter(
        on=u[:, 0] < probability,
        factors=low + u[:, 1:4] * (1 + spread[:3] - low),
        hue=(2 * u[:, 4] - 1) * spread[3],
        order=u[:, 5:8].argsort(1),
        hue_place=torch.randint(4, (n,), generator=generator, device=device),
    )


@cache
def _spread(amounts: tuple[float, ...], device: torch.device) -> Tensor:
    """Return the amounts. They are copied once per device, because a CUDA graph must not copy from the host."""
    return to_device(torch.tensor(amounts), device)


def jitter(x: Tensor, draws: Jitter) -> Tensor:
    """Change brightness, contrast, saturation and hue, each image in its own order.

    Args:
        x: float32 [B, C, H, W] in [0, 1], C 1 or 3; overwritten. Saturation and hue do nothing if C is 1.
        draws: Choices for the B images.

    Returns:
        `x`.
    """
    return _jitter_slices(x, draws) if x.device.type == "cpu" else _jitter_all(x, draws)


def _jitter_slices(x: Tensor, draws: Jitter) -> Tensor:
    """Compute only the images that are `on`, sorted by the place of their hue: each step's hue shifts are one slice."""
    group = torch.where(draws.on, draws.hue_place, 4)
    sizes = (group[:, None] == torch.arange(4, device=x.device)).sum(0).tolist()
    chosen = group.argsort(stable=True)[: sum(sizes)]
    y = x.index_select(0, chosen)
    order, hue = draws.order[chosen], draws.hue[chosen]
    factors = draws.factors[chosen].gather(1, order)
    for step, part in enumerate(zip(y.split(sizes), hue.split(sizes), strict=True)):
        if x.shape[1] == 3:
            shift_hue(*part)
        if step < 3:
            blend(y, order[:, step], factors[:, step])
    return x.index_copy_(0, chosen, y)


def _jitter_all(x: Tensor, draws: Jitter) -> Tensor:
    """Compute all images in each step, and keep the right ones: a GPU would have to wait for the sizes of slices."""
    y, factors = x.clone(), draws.factors.gather(1, draws.order)
    for step in range(4):
        if x.shape[1] == 3:
            shifted = y.clone()
            shift_hue(shifted, draws.hue)
            y = torch.where((draws.hue_place == step)[:, None, None, None], shifted, y)
        if step < 3:
            blend(y, draws.order[:, step], factors[:, step])
    return x.copy_(torch.where(draws.on[:, None, None, None], y, x))


def blend(x: Tensor, operation: Tensor, factor: Tensor) -> None:
    """Change each image's brightness, contrast or saturation in place.

    All three use one formula, factor x + (1 - factor) y, where y is black, the mean grey or the grey image.

    Args:
        x: float32 [B, C, H, W] in [0, 1].
        operation: [B], BRIGHTNESS, CONTRAST or SATURATION.
        factor: [B], at least 0.
    """
    grey = to_grey(x)
    flat = (1 - factor) * (operation == CONTRAST) * grey.mean((1, 2))
    share = (1 - factor) * (operation == SATURATION)
    grey.mul_(share[:, None, None]).add_(flat[:, None, None])
    x.mul_(factor[:, None, None, None]).add_(grey[:, None]).clamp_(0, 1)


def shift_hue(x: Tensor, turns: Tensor) -> None:
    """Rotate the colour circle in place, keeping each pixel's largest and smallest channel (value, saturation in HSV).

    The usual conversion spends most of its time on case distinctions; this one has none. With smallest channel 0 and
    largest 1, a colour is 1 - r + g + b sixths of a turn from red, towards green where g > b and towards blue
    otherwise. A pixel's red is 1 up to one sixth from red, 0 from two sixths on, and linear between.

    Args:
        x: float32 [B, 3, H, W] in [0, 1].
        turns: [B] in [-0.5, 0.5].
    """
    red, green, blue = x.unbind(1)
    high = torch.maximum(red, green).maximum(blue)
    low = torch.minimum(red, green).minimum(blue)
    chroma = high - low
    # chroma * distance; grey pixels get 0 / tiny = 0, because any hue is right for them.
    sixths = (green + blue).sub_(red).sub_(low).add_(chroma)
    sixths.div_(chroma.clamp_min(1e-12)).copysign_(green - blue)
    sixths.div_(6).add_(1 + turns[:, None, None]).frac_().mul_(6)
    # Red is high far from cyan (3 sixths); green and blue are low far from themselves (2 and 4 sixths). Distances
    # along [0, 6) need no wrapping: where they differ from those on the circle, both are clamped to the same value.
    for channel, (pole, start, sign) in enumerate(((3, low, 1), (2, high, -1), (4, high, -1))):
        away = (sixths - pole).abs_().sub_(1).clamp_(0, 1)
        torch.addcmul(start, chroma, away, value=sign, out=x[:, channel])


def to_grey(x: Tensor) -> Tensor:
    """Return the luma [B, H, W] of images [B, C, H, W]; grey images return their one channel."""
    if x.shape[1] == 1:
        return x[:, 0].clone()
    red, green, blue = x.unbind(1)
    return (red * GREY_WEIGHTS[0]).add_(green, alpha=GREY_WEIGHTS[1]).add_(blue, alpha=GREY_WEIGHTS[2])


def make_grey(x: Tensor, chosen: Tensor) -> Tensor:
    """Replace the channels of the chosen images by their luma, in place.

    Args:
        x: float32 [B, C, H, W].
        chosen: bool [B].

    Returns:
        `x`.
    """
    return x.lerp_(to_grey(x)[:, None], chosen[:, None, None, None].to(x.dtype)) if x.shape[1] == 3 else x
