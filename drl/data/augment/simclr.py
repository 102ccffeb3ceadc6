"""SimCLR's augmentations (Chen et al. 2020, App. A): crop, flip, colour jitter, greyscale, blur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from drl.config.methods import SimCLRSettings
from drl.data.augment.colour import Jitter, draw_jitter, jitter, make_grey
from drl.data.augment.resample import along_axes, blur_matrices, crop_matrices, draw_crops
from drl.errors import UserError

BLUR_SIGMA = (0.1, 2.0)
# Chunks of this many 32 x 32 images were fastest on a CPU: larger ones leave its cache, smaller ones need more calls.
PIECE_PIXELS = 128 * 32 * 32


@dataclass(frozen=True)
class Draws:
    """The random choices for n images.

    Attributes:
        boxes: int64 [n, 4]: top, left, height, width.
        flipped: bool [n].
        jitter: Colour jitter.
        grey: bool [n].
        sigma: Standard deviation of the blur in pixels [n]; 0 means no blur.
    """

    boxes: Tensor
    flipped: Tensor
    jitter: Jitter
    grey: Tensor
    sigma: Tensor

    def select(self, part: slice | Tensor) -> Draws:
        """Return the choices of some of the images."""
        colours = Jitter(*(value[part] for value in vars(self.jitter).values()))
        return Draws(self.boxes[part], self.flipped[part], colours, self.grey[part], self.sigma[part])


class SimCLRAugmentation:
    """Random resized crop, flip, colour jitter, greyscale and blur, with separate choices for each image.

    The distributions are those of torchvision's transforms, including the order of the colour operations. The blur's
    kernel is a tenth of the image's size, rounded down and then up to an odd number (as is usual in PyTorch SimCLR).
    Below 20 pixels this is 1, and there is no blur.

    Args:
        channels: 1 or 3. Saturation, hue and greyscale do nothing on grey images.
        size: Height and width in pixels, before and after.
        crop_scale: Smallest and largest share of the area that a crop keeps.
        flip: Probability of a mirror image.
        jitter: Amounts of brightness, contrast, saturation, hue.
        jitter_probability: Probability that the colours change at all.
        grayscale_probability: Probability that the image becomes grey.
        blur_probability: Probability of a blur, with a standard deviation uniform in [0.1, 2] pixels.

    Raises:
        UserError: If the images have neither 1 nor 3 channels, or a number is out of range.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        *,
        crop_scale: Sequence[float] = (0.08, 1.0),
        flip: float = 0.5,
        jitter: Sequence[float] = (0.8, 0.8, 0.8, 0.2),
        jitter_probability: float = 0.8,
        grayscale_probability: float = 0.2,
        blur_probability: float = 1.0,
    ) -> None:
        """Keep the settings."""
        if channels not in (1, 3):
            raise UserError(
                f"simclr: images with {channels} channels cannot be augmented; use grey (1) or RGB (3) images"
            )
        if not 0 < crop_scale[0] <= crop_scale[1] <= 1:
            raise UserError(
                f"simclr: crop_scale {list(crop_scale)} is not a range of shares; need 0 < least <= largest <= 1"
            )
        if len(jitter) != 4 or min(jitter) < 0 or jitter[3] > 0.5:
            raise UserError(
                f"simclr: jitter {list(jitter)} is not brightness, contrast, saturation, hue; "
                "give four numbers from 0, the last at most 0.5"
            )
        self.size = size
        self.crop_scale = (float(crop_scale[0]), float(crop_scale[1]))
        self.flip = flip
        self.jitter = tuple(map(float, jitter))
        self.jitter_probability = jitter_probability
        self.grayscale_probability = grayscale_probability
        self.blur_probability = blur_probability
        self.kernel = int(0.1 * size) // 2 * 2 + 1

    @classmethod
    def from_settings(cls, settings: SimCLRSettings, channels: int, size: int) -> SimCLRAugmentation:
        """Build it from a recipe's `method` section; the settings of the loss are ignored."""
        return cls(
            channels,
            size,
            crop_scale=settings.crop_scale,
            flip=settings.flip,
            jitter=settings.jitter,
            jitter_probability=settings.jitter_probability,
            grayscale_probability=settings.grayscale_probability,
            blur_probability=settings.blur_probability,
        )

    def draw(self, n: int, generator: torch.Generator) -> Draws:
        """Draw the choices for n images, on the generator's device."""
        boxes = draw_crops(n, self.size, self.crop_scale, generator)
        colours = draw_jitter(n, self.jitter, self.jitter_probability, generator)
        flip, grey, blur, sigma = torch.rand(4, n, generator=generator, device=generator.device).unbind(0)
        sigma = BLUR_SIGMA[0] + sigma * (BLUR_SIGMA[1] - BLUR_SIGMA[0])
        return Draws(
            boxes=boxes,
            flipped=flip < self.flip,
            jitter=colours,
            grey=grey < self.grayscale_probability,
            sigma=torch.where(blur < self.blur_probability, sigma, 0),
        )

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        """Apply the drawn changes to images.

        Args:
            images: uint8 [B, C, size, size].
            draws: Choices for the B images, on their device.

        Returns:
            float32 [B, C, size, size] in [0, 1].
        """
        top, left, height, width = draws.boxes.unbind(1)
        rows = crop_matrices(top, height, self.size).div_(255)
        columns = crop_matrices(left, width, self.size, draws.flipped)
        x = along_axes(images.float(), rows, columns).contiguous()
        x = make_grey(jitter(x, draws.jitter), draws.grey)
        if self.kernel > 1:
            blur = blur_matrices(draws.sigma, self.size, self.kernel)
            x = along_axes(x, blur, blur)
        return x.clamp_(0, 1)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Draw the choices for images and apply them.

        Args:
            images: uint8 [B, C, size, size].
            generator: A generator on the images' device.

        Returns:
            float32 [B, C, size, size] in [0, 1].
        """
        draws = self.draw(len(images), generator)
        if images.device.type != "cpu":
            return self.apply(images, draws)
        piece = max(1, PIECE_PIXELS // self.size**2)
        parts = [slice(start, start + piece) for start in range(0, len(images), piece)]
        return torch.cat([self.apply(images[part], draws.select(part)) for part in parts])
