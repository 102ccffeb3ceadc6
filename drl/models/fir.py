"""Resampling with a smoothing filter, as depthwise convolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TAPS = (1.0, 3.0, 3.0, 1.0)


class FIRResampling(nn.Module):
    """Resampling by 2 with the separable filter [1, 3, 3, 1]; pixels outside the image count as zero.

    The filter is a buffer that is not saved, because it is not learned.

    Source: score_sde (`upsample_2d`, `downsample_2d`, `conv_downsample_2d`, all through `upfirdn2d`), after StyleGAN2.
    """

    kernel: Tensor

    def __init__(self) -> None:
        """Build the filter."""
        super().__init__()
        taps = torch.tensor(TAPS)
        kernel = torch.outer(taps, taps)
        self.register_buffer("kernel", (kernel / kernel.sum())[None, None], persistent=False)

    def upsample(self, x: Tensor) -> Tensor:
        """Double height and width: [B, C, H, W] -> [B, C, 2H, 2W]. The factor 4 makes up for zeros between pixels."""
        return F.conv_transpose2d(x, 4 * self._kernel(x), stride=2, padding=1, groups=x.shape[1])

    def downsample(self, x: Tensor) -> Tensor:
        """Halve height and width: [B, C, H, W] -> [B, C, H/2, W/2], H and W even."""
        return F.conv2d(x, self._kernel(x), stride=2, padding=1, groups=x.shape[1])

    def smooth(self, x: Tensor) -> Tensor:
        """Filter [B, C, H, W] to [B, C, H + 1, W + 1], for a 3x3 convolution of stride 2 without padding."""
        return F.conv2d(x, self._kernel(x), padding=2, groups=x.shape[1])

    def _kernel(self, x: Tensor) -> Tensor:
        return self.kernel.to(x.dtype).expand(x.shape[1], 1, -1, -1)
