"""Separate noise for each image, so that a sample does not depend on its batch or on the number of devices."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# Noise for this many steps is drawn at once, so that Python rarely loops over images. Changing the number changes the
# noise of a seed, because torch fills one large tensor in a different order than several small ones.
STEPS_AT_ONCE = 16


class ImageNoise:
    """Standard normal noise for a batch of images, drawn from a separate generator for each image.

    Generators depend on the kind of device: the same seed gives different numbers on a CPU and on a GPU.
    """

    def __init__(self, seeds: Sequence[int], shape: Sequence[int], device: torch.device, draws: int = 1) -> None:
        """Make the generators.

        Args:
            seeds: One for each image.
            shape: Shape of an image [C, H, W].
            device: Device of the noise.
            draws: Number of noise draws per step.
        """
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
        self._shape, self._device, self._draws = tuple(shape), device, draws
        self._block, self._drawn = -1, 0
        self._noise = torch.empty(0)

    def start(self) -> Tensor:
        """Return noise [B, C, H, W] for the start. Call it before `step`."""
        return self._draw(range(len(self._generators)), ())

    def step(self, step: int, count: int) -> Tensor:
        """Return the noise of a step for the first `count` images [draws, count, C, H, W].

        Args:
            step: The step; it must increase from call to call.
            count: Number of images whose chains have begun; it must not decrease.
        """
        block = step // STEPS_AT_ONCE
        size = (STEPS_AT_ONCE, self._draws)
        if block != self._block:
            self._block, self._drawn = block, count
            self._noise = self._draw(range(count), size)
        elif count > self._drawn:
            # An image that begins within a block draws the whole block: its noise must not depend on the others.
            self._noise = torch.cat((self._noise, self._draw(range(self._drawn, count), size)))
            self._drawn = count
        return self._noise[:, step % STEPS_AT_ONCE].transpose(0, 1)

    def state(self) -> Tensor:
        """Return the generators' states between two blocks, uint8 [B, …]."""
        return torch.stack([generator.get_state() for generator in self._generators])

    def restore(self, state: Tensor) -> None:
        """Continue from a state that `state()` returned."""
        for generator, row in zip(self._generators, state, strict=True):
            # Copy, because torch's CPU generator reads past a tensor that begins within its storage.
            generator.set_state(row.clone())
        self._block, self._drawn = -1, 0

    def _draw(self, images: range, size: tuple[int, ...]) -> Tensor:
        noise = torch.empty((len(images), *size, *self._shape), device=self._device)
        for row, image in zip(noise, images, strict=True):
            row.normal_(generator=self._generators[image])
        return noise


def image_uniform(seeds: Sequence[int], shape: Sequence[int], device: torch.device) -> Tensor:
    """Return numbers in [0, 1), [B, C, H, W], drawn separately for each image and independent of its `ImageNoise`."""
    numbers = torch.empty((len(seeds), *shape), device=device)
    for row, seed in zip(numbers, seeds, strict=True):
        row.uniform_(generator=torch.Generator(device).manual_seed(seed ^ 0x5DEECE66D))
    return numbers
