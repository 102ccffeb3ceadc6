"""PIL's nearest-pixel affine transforms for batches of bytes, with a separate transform for each image.

PIL computes source positions in fixed point with 16 binary places. These functions do the same, with coefficients
rounded in the same way. So they equal `Image.rotate` and `Image.transform(size, AFFINE, ...)` with their defaults
(nearest pixel, black outside) bit for bit. The coefficients, a few numbers per image, are computed on the host; only
`affine` touches pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor

PLACES = 16


def rotation(degrees: Tensor, height: int, width: int) -> Tensor:
    """Return the coefficients of Image.rotate: counter-clockwise about the centre.

    Args:
        degrees: float64 [B].
        height: Pixels.
        width: Pixels.

    Returns:
        int32 [B, 6], for `affine`.
    """
    angle = -torch.deg2rad(degrees)
    cos, sin = angle.cos(), angle.sin()
    x, y = width / 2, height / 2
    return _fixed(cos, sin, cos * -x + sin * -y + x, -sin, cos, -sin * -x + cos * -y + y)


def shear_x(amount: Tensor, height: int, width: int) -> Tensor:
    """Return the coefficients of Image.transform with (1, amount, 0, 0, 1, 0); arguments as in `rotation`."""
    zero, one = torch.zeros_like(amount), torch.ones_like(amount)
    return _fixed(one, amount, zero, zero, one, zero)


def shear_y(amount: Tensor, height: int, width: int) -> Tensor:
    """Return the coefficients of Image.transform with (1, 0, 0, amount, 1, 0); arguments as in `rotation`."""
    zero, one = torch.zeros_like(amount), torch.ones_like(amount)
    return _fixed(one, zero, zero, amount, one, zero)


def translate_x(share: Tensor, height: int, width: int) -> Tensor:
    """Return the coefficients of Image.transform with (1, 0, share * width, 0, 1, 0); arguments as in `rotation`."""
    zero, one = torch.zeros_like(share), torch.ones_like(share)
    return _fixed(one, zero, _whole(share * width), zero, one, zero)


def translate_y(share: Tensor, height: int, width: int) -> Tensor:
    """Return the coefficients of Image.transform with (1, 0, 0, 0, 1, share * height); arguments as in `rotation`."""
    zero, one = torch.zeros_like(share), torch.ones_like(share)
    return _fixed(one, zero, zero, zero, one, _whole(share * height))


def affine(images: Tensor, coefficients: Tensor) -> Tensor:
    """Move each image: the pixel at column x, row y comes from column a x + b y + c, row d x + e y + f.

    Args:
        images: uint8 [B, C, H, W], H and W below 2^13.
        coefficients: int32 [B, 6] in units of 2^-16 pixels, on the images' device: a, b, c, d, e, f, where c and f
            apply to the centre of the first pixel.

    Returns:
        uint8 [B, C, H, W], black where the source lies outside the image.
    """
    height, width = images.shape[2:]
    a, b, c, d, e, f = coefficients[:, :, None, None].unbind(1)
    x = torch.arange(width, device=images.device, dtype=torch.int32)
    y = torch.arange(height, device=images.device, dtype=torch.int32)[:, None]
    column = (b * y + c + a * x).bitwise_right_shift_(PLACES)
    row = (e * y + f + d * x).bitwise_right_shift_(PLACES)
    # All bits are set where the source lies inside. Comparisons would take three times as long on a CPU.
    inside = (width - 1 - column).bitwise_or_(height - 1 - row).bitwise_or_(column).bitwise_or_(row)
    inside = inside.bitwise_right_shift_(31).bitwise_not_()
    source = row.mul_(width).add_(column).bitwise_and_(inside).long().flatten(1)[:, None]
    pixels = images.flatten(2)
    moved = pixels.gather(2, source.expand_as(pixels)).view(images.shape)
    return moved.bitwise_and_(inside.to(torch.uint8)[:, None])


def _fixed(a: Tensor, b: Tensor, c: Tensor, d: Tensor, e: Tensor, f: Tensor) -> Tensor:
    """Round coefficients as PIL does, after moving the offsets to the centre of the first pixel."""
    values = torch.stack([a, b, c + a * 0.5 + b * 0.5, d, e, f + d * 0.5 + e * 0.5], dim=1)
    return values.mul_(1 << PLACES).add_(0.5).floor_().int()


def _whole(offset: Tensor) -> Tensor:
    """Return the offset in whole pixels; PIL does not round pure shifts to fixed point.

    PIL adds 1.0 from pixel to pixel, so it can differ where an offset is within 1e-13 of half a pixel.
    """
    return torch.floor(offset + 0.5)
