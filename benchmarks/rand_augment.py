"""LaplaceNet's augmentation on the device: images per second, compared with torchvision and PIL.

The plain way is that of the authors: a data loader whose workers change one PIL image after another. It gets as many
processes as the batched way gets threads. Both draw from the same distributions and return batches of bytes. The
default is strong augmentation (two operations); --operations changes it.

    python benchmarks/rand_augment.py [--threads 1 2] [--size 32] [--operations 2] [--out bench.json]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import command_line, seconds, smooth_images, write
from drl.data.augment.cutout import FILL, LARGEST_SIDE
from drl.data.augment.laplacenet import augment
from drl.data.augment.rand_augment import OPERATIONS
from drl.data.compatibility import make_torchvision_importable
from drl.jobs.device import place

_operators = make_torchvision_importable()

from torchvision import transforms  # noqa: E402


def affine(image: Image.Image, *matrix: float) -> Image.Image:
    """Move the pixels of an image, and fill the outside with black."""
    return image.transform(image.size, Image.Transform.AFFINE, matrix)


PLAIN: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "Identity": lambda image, _: image,
    "AutoContrast": lambda image, _: ImageOps.autocontrast(image),
    "Equalize": lambda image, _: ImageOps.equalize(image),
    "Posterize": lambda image, v: ImageOps.posterize(image, int(v)),
    "Solarize": lambda image, v: ImageOps.solarize(image, math.ceil(v)),
    "Brightness": lambda image, v: ImageEnhance.Brightness(image).enhance(v),
    "Color": lambda image, v: ImageEnhance.Color(image).enhance(v),
    "Contrast": lambda image, v: ImageEnhance.Contrast(image).enhance(v),
    "Sharpness": lambda image, v: ImageEnhance.Sharpness(image).enhance(v),
    "Rotate": lambda image, v: image.rotate(v),
    "ShearX": lambda image, v: affine(image, 1, v, 0, 0, 1, 0),
    "ShearY": lambda image, v: affine(image, 1, 0, 0, v, 1, 0),
    "TranslateX": lambda image, v: affine(image, 1, 0, v * image.width, 0, 1, 0),
    "TranslateY": lambda image, v: affine(image, 1, 0, 0, 0, 1, v * image.height),
}


def rand_augment(image: Image.Image, operations: int) -> Image.Image:
    """Apply random operations to a PIL image, then Cutout."""
    for operation in random.choices(OPERATIONS, k=operations):
        image = PLAIN[operation.name](image, random.uniform(operation.low, operation.high))
    side = random.uniform(0, LARGEST_SIDE) * image.width
    left = int(max(0, random.uniform(0, image.width) - side / 2))
    top = int(max(0, random.uniform(0, image.height) - side / 2))
    image = image.copy()
    ImageDraw.Draw(image).rectangle((left, top, min(image.width, left + side), min(image.height, top + side)), FILL)
    return image


class TransformedImages(Dataset[Tensor]):
    """PIL images that are changed at each access."""

    def __init__(self, images: Tensor, operations: int, padding: int) -> None:
        """Keep uint8 images [N, 3, S, S] as PIL images."""
        self.images = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
        self.operations = operations
        self.view: Callable[[Image.Image], Image.Image] = transforms.Compose(
            [
                transforms.RandomHorizontalFlip(),
                transforms.RandomCrop(images.shape[-1], padding=padding, padding_mode="reflect"),
            ]
        )
        self.to_tensor: Callable[[Image.Image], Tensor] = transforms.PILToTensor()

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def __getitem__(self, position: int) -> Tensor:
        """Return a changed image, uint8 [3, S, S]."""
        return self.to_tensor(rand_augment(self.view(self.images[position]), self.operations))


def compare(threads: int, given: argparse.Namespace, device: torch.device) -> dict[str, object]:
    """Time both ways in turn, on the same number of cores.

    Args:
        threads: Number of threads of the batched way (not used on CUDA), and of processes of the plain way.
        given: `images` per timing, `size`, `batch_size`, `operations`, and `repeats`: the number of timings of each
            way, whose median is reported.
        device: Device of the batched way.

    Returns:
        Images per second of both, their ratio in each repeat and of the medians, all timings in seconds.
    """
    torch.set_num_threads(threads)
    images = smooth_images(given.images, given.size)
    padding = given.size // 8 if given.size < 84 else 8
    workers = threads if threads > 1 else 0
    plain = TransformedImages(images, given.operations, padding)
    loader = DataLoader(plain, given.batch_size, num_workers=workers, persistent_workers=workers > 0)
    on_device, generator = images.to(device), torch.Generator().manual_seed(0)

    def batched() -> None:
        for batch in on_device.split(given.batch_size):
            augment(batch, given.operations, generator, padding=padding)

    def one_by_one() -> None:
        for _ in loader:
            pass

    ways = {"batched": batched, "plain": one_by_one}
    timings: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(given.repeats + 1):  # the first is a warm-up
        for name, work in ways.items():
            took, _ = seconds(work, device)
            timings[name] += [took] if repeat else []
    rates = {name: given.images / statistics.median(values) for name, values in timings.items()}
    return {
        "threads": threads,
        "device": device.type,
        "images_per_second": rates,
        "ratio": rates["batched"] / rates["plain"],
        "ratios": [b / a for a, b in zip(timings["batched"], timings["plain"], strict=True)],
        "all_seconds": timings,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, print, and write JSON if requested."""
    parser = command_line(__doc__, threads="+")
    parser.add_argument("--images", type=int, default=1500, help="images per timing (default: %(default)s)")
    parser.add_argument("--size", type=int, default=32, help="height and width in pixels (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=300, help="images per batch (default: %(default)s)")
    parser.add_argument(
        "--operations", type=int, default=2, help="RandAugment operations per image (default: %(default)s)"
    )
    parser.add_argument("--repeats", type=int, default=5, help="timings of each way (default: %(default)s)")
    given = parser.parse_args(arguments)
    random.seed(0)
    cores = len(os.sched_getaffinity(0))
    runs = [compare(count, given, torch.device("cpu")) for count in given.threads or sorted({1, cores})]
    if given.device != "cpu" and torch.cuda.is_available():
        runs.append(compare(cores, given, torch.device("cuda")))
    report = {
        "runs": runs,
        "setup": {key: getattr(given, key) for key in ("images", "size", "batch_size", "operations")},
        "device": place("auto", "fp32", "off").describe()["device_name"],
        "torch": torch.__version__,
    }
    print(json.dumps(report, indent=2))
    write(report, given.out)


if __name__ == "__main__":
    main()
