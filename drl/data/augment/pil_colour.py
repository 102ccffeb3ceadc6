"""PIL's colour operations for batches of bytes, with a separate magnitude for each image.

All take uint8 images [B, C, H, W] and return new ones; C is 1 (PIL's mode "L") or 3 ("RGB"). The tests compare them
with PIL bit for bit. `brightness`, `color`, `contrast` and `sharpness` round an intermediate float32, as PIL does. If
PIL was compiled for a processor that fuses multiplications and additions, single pixels can differ by one grey level.
"""

from __future__ import annotations

import torch
from torch import Tensor

# PIL's weights of red, green and blue, in units of 1 / 2^16; they add up to 1.
LUMA_WEIGHTS = (19595, 38470, 7471)


def luma(images: Tensor) -> Tensor:
    """Return the grey image, int32 [B, H, W] in 0..255, as PIL's mode "L"; grey images return their one channel."""
    if images.shape[1] == 1:
        return images[:, 0].int()
    red, green, blue = images.int().unbind(1)
    weighted = (red * LUMA_WEIGHTS[0]).add_(green * LUMA_WEIGHTS[1]).add_(blue * LUMA_WEIGHTS[2])
    return weighted.add_(1 << 15).bitwise_right_shift_(16)


def autocontrast(images: Tensor) -> Tensor:
    """Stretch each channel to 0..255 (ImageOps.autocontrast); a constant channel stays as it is."""
    low = images.amin((2, 3), keepdim=True).double()
    spread = images.amax((2, 3), keepdim=True).double() - low
    constant = spread == 0
    # Use float64 and PIL's order of operations: the result is truncated, so an error of 1e-15 can show. If this were
    # written as 255 / spread, torch would multiply by the reciprocal.
    scale = torch.full_like(spread, 255).div_(spread).masked_fill_(constant, 1)
    offset = (-low * scale).masked_fill_(constant, 0)
    return images.double().mul_(scale).add_(offset).clamp_(0, 255).to(torch.uint8)


def equalize(images: Tensor) -> Tensor:
    """Flatten each channel's histogram (ImageOps.equalize).

    A channel stays unchanged if fewer than 255 of its pixels are below its largest value.
    """
    pixels = images.flatten(2).long()
    histogram = pixels.new_zeros(*pixels.shape[:2], 256)
    histogram.scatter_add_(2, pixels, pixels.new_ones(1).expand_as(pixels))
    brightest = histogram.gather(2, pixels.amax(2, keepdim=True))
    step = (pixels.shape[2] - brightest) // 255
    darker = histogram.cumsum(2) - histogram
    table = ((darker + step // 2) // step.clamp_min(1)).clamp_max_(255)
    table = torch.where(step > 0, table, torch.arange(256, device=images.device))
    return table.to(torch.uint8).gather(2, pixels).view(images.shape)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the highest bits of each pixel (ImageOps.posterize).

    Args:
        images: uint8 [B, C, H, W].
        bits: [B], at least 1 and below 9; fractions are truncated.
    """
    mask = (255 << (8 - bits.int())).bitwise_and_(255).to(torch.uint8)
    return images & mask[:, None, None, None]


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert the pixels at or above a threshold (ImageOps.solarize).

    Args:
        images: uint8 [B, C, H, W].
        threshold: [B] in [0, 256], any float.
    """
    last_kept = threshold.ceil().sub_(1).to(torch.int16)
    # The sign of the difference sets all bits where the pixel is larger.
    inverted = (last_kept[:, None, None, None] - images).bitwise_right_shift_(15).to(torch.uint8)
    return inverted.bitwise_xor_(images)


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with black (ImageEnhance.Brightness). The factor is [B] in [0, 1]; 1 changes nothing."""
    return images.float().mul_(_per_image(factor)).to(torch.uint8)


def color(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the grey image (ImageEnhance.Color). The factor is [B] in [0, 1]; 1 changes nothing."""
    return _blend(luma(images)[:, None], images, factor) if images.shape[1] == 3 else images


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the mean grey, rounded to a whole level (ImageEnhance.Contrast). The factor is [B] in [0, 1]."""
    grey = luma(images).flatten(1)
    count = grey.shape[1]
    mean = (2 * grey.sum(1) + count) // (2 * count)
    return _blend(_per_image(mean), images, factor)


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the smoothed image (ImageEnhance.Sharpness).

    PIL's SMOOTH weights a pixel by 5/13 and its eight neighbours by 1/13, and leaves the border unchanged.

    Args:
        images: uint8 [B, C, H, W], H and W at least 3.
        factor: [B] in [0, 1]; 1 changes nothing.
    """
    x = images.short()
    columns = x[:, :, :-2] + x[:, :, 1:-1] + x[:, :, 2:]
    total = columns[..., :-2] + columns[..., 1:-1] + columns[..., 2:]
    total.add_(x[:, :, 1:-1, 1:-1], alpha=4)
    # Thirteenths are never half-way between two levels, so rounding has no ties and float32 is exact enough.
    smooth = total.float().div_(13).round_()
    changed = images.clone()
    changed[:, :, 1:-1, 1:-1] = _blend(smooth, images[:, :, 1:-1, 1:-1], factor)
    return changed


def _blend(start: Tensor, end: Tensor, factor: Tensor) -> Tensor:
    """Return start + factor (end - start) as PIL's Image.blend does: in float32, truncated to whole levels."""
    start = start.float()
    # In two steps, because a fused multiply-add rounds only once and would differ.
    return (end.float() - start).mul_(_per_image(factor)).add_(start).to(torch.uint8)


def _per_image(values: Tensor) -> Tensor:
    """Return float32 [B, 1, 1, 1]."""
    return values.float()[:, None, None, None]
