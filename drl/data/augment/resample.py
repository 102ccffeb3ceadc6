"""Crop, flip and blur as linear maps along the rows and columns of each image: two matrices per image.

Two batched matrix products do all three, and cost less than a gather of neighbours (`grid_sample`) or a convolution
with one group per image. The distributions and the arithmetic are torchvision's.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

ATTEMPTS = 10
ASPECT_RATIOS = (3 / 4, 4 / 3)
# A Gaussian this narrow is the identity: the weight of the neighbouring pixel, exp(-1 / (2 s^2)), is 0 in float32.
NO_BLUR = 1e-3


def along_axes(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return rows[b] @ x[b, c] @ columns[b]^T, in float32 even inside autocast.

    Args:
        x: [B, C, H, W].
        rows: [B, H', H].
        columns: [B, W', W].

    Returns:
        [B, C, H', W'], a view of memory in the order B, H', C, W'.
    """
    n, channels, height, width = x.shape
    with torch.autocast(x.device.type, enabled=False):
        # With the channels between the axes, each product is one matrix per image and no copy is needed between them.
        y = torch.bmm(rows, x.transpose(1, 2).reshape(n, height, channels * width))
        y = torch.bmm(y.view(n, -1, width), columns.mT)
    return y.view(n, rows.shape[1], channels, columns.shape[1]).transpose(1, 2)


def draw_crops(n: int, size: int, scale: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Draw boxes as torchvision's RandomResizedCrop does.

    For each image, up to ten boxes are tried: with a share of the area uniform in `scale` and an aspect ratio
    log-uniform in [3/4, 4/3], rounded to whole pixels. The first box that fits is placed uniformly at random. If none
    fits, the whole image is used.

    Args:
        n: Number of boxes.
        size: Height and width of the images.
        scale: Smallest and largest share of the image's area.
        generator: Source of randomness; the draws are on its device.

    Returns:
        int64 [n, 4]: top, left, height, width.
    """
    area, aspect, places = torch.rand(3, n, ATTEMPTS, generator=generator, device=generator.device).unbind(0)
    area = size**2 * (scale[0] + area * (scale[1] - scale[0]))
    low, high = map(math.log, ASPECT_RATIOS)
    aspect = torch.exp(low + aspect * (high - low))
    boxes = torch.stack([torch.sqrt(area / aspect), torch.sqrt(area * aspect)], dim=2).round()
    fits = ((boxes > 0) & (boxes <= size)).all(2)
    first = fits.to(torch.uint8).argmax(1)
    box = boxes[torch.arange(n, device=boxes.device), first]
    box = torch.where(fits.any(1)[:, None], box, size)
    corner = torch.floor(places[:, :2] * (size - box + 1))
    return torch.cat([corner, box], dim=1).long()


def crop_matrices(start: Tensor, length: Tensor, size: int, flipped: Tensor | None = None) -> Tensor:
    """Return the matrices that stretch `length` pixels from `start` to `size` pixels, bilinearly, along one axis.

    As in torchvision's resized_crop, the image is cropped first, so pixels outside the box never contribute.

    Args:
        start: First pixel [B].
        length: Number of pixels [B], at most `size`, because shrinking would need an anti-aliasing filter.
        size: Pixels before and after.
        flipped: bool [B], which images to mirror.

    Returns:
        float32 [B, size, size], rows sum to 1.
    """
    pixels = torch.arange(size, device=start.device, dtype=torch.float32)
    start, length = start[:, None].float(), length[:, None].float()
    source = ((pixels + 0.5) * (length / size) - 0.5).clamp_min(0).minimum(length - 1) + start
    if flipped is not None:
        source = torch.where(flipped[:, None], source.flip(1), source)
    return (source[:, :, None] - pixels).abs_().neg_().add_(1).clamp_(min=0)


def blur_matrices(sigma: Tensor, size: int, kernel: int) -> Tensor:
    """Return the matrices that blur along one axis, with reflection at the border.

    Args:
        sigma: Standard deviations in pixels [B]; 0 does not blur.
        size: Pixels of the axis, more than half the kernel.
        kernel: Size of the kernel in pixels, odd.

    Returns:
        float32 [B, size, size], rows sum to 1.
    """
    half = kernel // 2
    offsets = torch.arange(-half, half + 1, device=sigma.device)
    weights = torch.softmax(-0.5 * (offsets / sigma.clamp_min(NO_BLUR)[:, None]) ** 2, dim=1)
    sources = (torch.arange(size, device=sigma.device) + offsets[:, None]).abs()
    reflected = size - 1 - (size - 1 - sources).abs()
    shifts = F.one_hot(reflected, size).float().view(kernel, size * size)
    with torch.autocast(sigma.device.type, enabled=False):
        return (weights @ shifts).view(-1, size, size)
