"""Noise that belongs to an image: a sample depends neither on its batch nor on how many devices share the work."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# Noise of so many steps is drawn at once, so that Python loops over images only now and then. It is part of what a seed
# means: torch fills a large tensor in another order than several small ones.
STEPS_AT_ONCE = 16


class ImageNoise:
    """Standard normal noise for a batch of images, each from the image's own generator.

    A generator belongs to one kind of device: the same seed gives other numbers on a CPU than on a GPU.
    """

    def __init__(self, seeds: Sequence[int], shape: Sequence[int], device: torch.device, draws: int = 1) -> None:
        """Make the generators.

        Args:
            seeds: One for each image.
            shape: Of an image [C, H, W].
            device: Where the noise shall be.
            draws: How often a step asks for noise.
        """
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
        self._shape, self._device, self._draws = tuple(shape), device, draws
        self._block, self._drawn = -1, 0
        self._noise = torch.empty(0)

    def start(self) -> Tensor:
        """Return noise [B, C, H, W] for the start; to be asked for before any step's."""
        return self._draw(range(len(self._generators)), ())

    def step(self, step: int, count: int) -> Tensor:
        """Return the noise of a step [draws, count, C, H, W], of the first `count` images.

        Args:
            step: Ascending from call to call.
            count: Not descending; images behind `count` have not begun.
        """
        block = step // STEPS_AT_ONCE
        size = (STEPS_AT_ONCE, self._draws)
        if block != self._block:
            self._block, self._drawn = block, count
            self._noise = self._draw(range(count), size)
        elif count > self._drawn:
            # Who begins within a block draws the whole block, so that its noise does not depend on who else is there.
            self._noise = torch.cat((self._noise, self._draw(range(self._drawn, count), size)))
            self._drawn = count
        return self._noise[:, step % STEPS_AT_ONCE].transpose(0, 1)

    def state(self) -> Tensor:
        """Return the generators' states, uint8 [B, …], as they are between two blocks."""
        return torch.stack([generator.get_state() for generator in self._generators])

    def restore(self, state: Tensor) -> None:
        """Go on as the noise whose `state` it was."""
        for generator, row in zip(self._generators, state, strict=True):
            # A copy, because torch's CPU generator reads past a tensor that begins within its storage.
            generator.set_state(row.clone())
        self._block, self._drawn = -1, 0

    def _draw(self, images: range, size: tuple[int, ...]) -> Tensor:
        noise = torch.empty((len(images), *size, *self._shape), device=self._device)
        for row, image in zip(noise, images, strict=True):
            row.normal_(generator=self._generators[image])
        return noise


def image_uniform(seeds: Sequence[int], shape: Sequence[int], device: torch.device) -> Tensor:
    """Return numbers in [0, 1) [B, C, H, W], each image's own and independent of its `ImageNoise`."""
    numbers = torch.empty((len(seeds), *shape), device=device)
    for row, seed in zip(numbers, seeds, strict=True):
        row.uniform_(generator=torch.Generator(device).manual_seed(seed ^ 0x5DEECE66D))
    return numbers
