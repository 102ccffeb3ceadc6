"""RandAugment as in LaplaceNet's code: operations are drawn per image; each runs once, on all images that drew it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from drl.data.augment import pil_colour, pil_geometry
from drl.data.augment.host import to_device


@dataclass(frozen=True)
class Operation:
    """One of the fourteen operations.

    Attributes:
        name: Name in PIL or in Cubuk et al. (2020).
        low: Smallest magnitude.
        high: Largest magnitude. Magnitudes are uniform between the two and have PIL's meaning.
    """

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class ColourOperation(Operation):
    """An operation that changes pixel values: `change(images, magnitude [B])`, on the device."""

    change: Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Movement(Operation):
    """An operation that moves pixels: `coefficients(magnitude [B], height, width)`, on the host, for `affine`."""

    coefficients: Callable[[Tensor, int, int], Tensor]


# Identity is first, because it is skipped; movements are last, because they share one gather.
COLOURS = (
    ColourOperation("Identity", 0, 1, lambda images, _: images),
    ColourOperation("AutoContrast", 0, 1, lambda images, _: pil_colour.autocontrast(images)),
    ColourOperation("Equalize", 0, 1, lambda images, _: pil_colour.equalize(images)),
    ColourOperation("Posterize", 4, 8, pil_colour.posterize),
    ColourOperation("Solarize", 0, 256, pil_colour.solarize),
    ColourOperation("Brightness", 0.05, 0.95, pil_colour.brightness),
    ColourOperation("Color", 0.05, 0.95, pil_colour.color),
    ColourOperation("Contrast", 0.05, 0.95, pil_colour.contrast),
    ColourOperation("Sharpness", 0.05, 0.95, pil_colour.sharpness),
)
# LaplaceNet draws a magnitude from 0 upwards, and then its sign.
MOVEMENTS = (
    Movement("Rotate", -30, 30, pil_geometry.rotation),
    Movement("ShearX", -0.3, 0.3, pil_geometry.shear_x),
    Movement("ShearY", -0.3, 0.3, pil_geometry.shear_y),
    Movement("TranslateX", -0.3, 0.3, pil_geometry.translate_x),
    Movement("TranslateY", -0.3, 0.3, pil_geometry.translate_y),
)
OPERATIONS: tuple[Operation, ...] = (*COLOURS, *MOVEMENTS)


def draw_operations(n: int, rounds: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw operations with replacement, all equally likely, and their magnitudes.

    Args:
        n: Number of images.
        rounds: Number of operations for each image, applied one after another.
        generator: A CPU generator, because the draws decide which kernels run.

    Returns:
        Indices into OPERATIONS, int64 [rounds, n]; magnitudes, float64 [rounds, n].
    """
    operations = torch.randint(len(OPERATIONS), (rounds, n), generator=generator)
    low, high = torch.tensor([(o.low, o.high) for o in OPERATIONS], dtype=torch.float64).unbind(1)
    u = torch.rand(rounds, n, generator=generator, dtype=torch.float64)
    return operations, low[operations] + u * (high - low)[operations]


def change(images: Tensor, operations: Tensor, magnitudes: Tensor) -> Tensor:
    """Apply one operation to each image.

    Args:
        images: uint8 [B, C, H, W], C 1 or 3.
        operations: Indices into OPERATIONS, int64 [B], on the CPU.
        magnitudes: float64 [B], on the CPU.

    Returns:
        uint8 [B, C, H, W].
    """
    order = operations.argsort(stable=True)
    counts: list[int] = torch.bincount(operations, minlength=len(OPERATIONS)).tolist()
    changed = images.index_select(0, to_device(order, images.device))
    moved = sum(counts[: len(COLOURS)])
    _recolour(changed[:moved], to_device(magnitudes[order], images.device)[:moved], counts)
    if moved < len(images):
        coefficients = _coefficients(magnitudes[order][moved:], counts, *images.shape[2:])
        changed[moved:] = pil_geometry.affine(changed[moved:], to_device(coefficients, images.device))
    # index_copy_ took eight times as long on a CPU.
    return changed.index_select(0, to_device(order.argsort(), images.device))


def _recolour(images: Tensor, magnitudes: Tensor, counts: list[int]) -> None:
    """Apply the colour operations in place to images sorted by operation; identity is skipped."""
    start = counts[0]
    for operation, count in zip(COLOURS[1:], counts[1 : len(COLOURS)], strict=True):
        part = slice(start, start + count)
        if count:
            images[part] = operation.change(images[part], magnitudes[part])
        start += count


def _coefficients(magnitudes: Tensor, counts: list[int], height: int, width: int) -> Tensor:
    """Return the coefficients of all movements, int32 [M, 6] on the CPU, for magnitudes sorted by operation."""
    parts = magnitudes.split(counts[len(COLOURS) :])
    return torch.cat(
        [movement.coefficients(part, height, width) for movement, part in zip(MOVEMENTS, parts, strict=True)]
    )
