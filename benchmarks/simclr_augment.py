"""SimCLR's augmentations on the device: images per second, compared with torchvision's transforms of PIL images.

torchvision is used in the usual way, in a data loader whose workers change one image after another. It gets as many
processes as the batched way gets threads. Both return batches of float tensors.

    python benchmarks/simclr_augment.py [--threads 1 2] [--size 32] [--out bench.json]
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import command_line, seconds, smooth_images, write
from drl.data.augment.simclr import BLUR_SIGMA, SimCLRAugmentation
from drl.data.compatibility import make_torchvision_importable
from drl.jobs.device import place

_operators = make_torchvision_importable()

from torchvision import transforms  # noqa: E402


class TransformedImages(Dataset[Tensor]):
    """PIL images that torchvision's transforms change at each access."""

    def __init__(self, images: Tensor, kernel: int) -> None:
        """Keep uint8 images [N, 3, S, S] as PIL images."""
        size = images.shape[-1]
        self.images = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
        blur = [transforms.GaussianBlur(kernel, BLUR_SIGMA)] if kernel > 1 else []
        self.change: Callable[[Image.Image], Tensor] = transforms.Compose(
            [
                transforms.RandomResizedCrop(size),
                transforms.RandomHorizontalFlip(),
                transforms.RandomApply([transforms.ColorJitter(0.8, 0.8, 0.8, 0.2)], 0.8),
                transforms.RandomGrayscale(0.2),
                *blur,
                transforms.ToTensor(),
            ]
        )

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def __getitem__(self, position: int) -> Tensor:
        """Return a changed image, float32 [3, S, S]."""
        return self.change(self.images[position])


def compare(threads: int, n: int, size: int, batch_size: int, repeats: int, device: torch.device) -> dict[str, object]:
    """Time both ways in turn, on the same number of cores.

    Args:
        threads: Number of threads of the batched way (not used on CUDA), and of processes of torchvision.
        n: Number of images per timing.
        size: Height and width.
        batch_size: Number of images per batch.
        repeats: Number of timings of each way; the median is reported.
        device: Device of the batched way.

    Returns:
        Images per second of both, their ratio, all timings in seconds.
    """
    torch.set_num_threads(threads)
    images = smooth_images(n, size)
    augmentation = SimCLRAugmentation(3, size)
    workers = threads if threads > 1 else 0
    loader = DataLoader(
        TransformedImages(images, augmentation.kernel), batch_size, num_workers=workers, persistent_workers=workers > 0
    )
    on_device, generator = images.to(device), torch.Generator(device).manual_seed(0)

    def batched() -> None:
        for batch in on_device.split(batch_size):
            augmentation(batch, generator)

    def one_by_one() -> None:
        for _ in loader:
            pass

    ways = {"batched": batched, "torchvision": one_by_one}
    timings: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats + 1):  # the first is a warm-up
        for name, work in ways.items():
            took, _ = seconds(work, device)
            timings[name] += [took] if repeat else []
    rates = {name: n / statistics.median(values) for name, values in timings.items()}
    return {
        "threads": threads,
        "images_per_second": rates,
        "ratio": rates["batched"] / rates["torchvision"],
        "all_seconds": timings,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, print, and write JSON if requested."""
    parser = command_line(__doc__, threads="+")
    parser.add_argument("--images", type=int, default=1024, help="images per timing (default: %(default)s)")
    parser.add_argument("--size", type=int, default=32, help="height and width in pixels (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=512, help="images per batch (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="timings of each way (default: %(default)s)")
    given = parser.parse_args(arguments)
    placement = place(given.device, "fp32", "off")
    counts = given.threads or sorted({1, len(os.sched_getaffinity(0))})
    runs = [
        compare(count, given.images, given.size, given.batch_size, given.repeats, placement.device) for count in counts
    ]
    report = {
        "runs": runs,
        "setup": {"images": given.images, "size": given.size, "batch_size": given.batch_size},
        "device": placement.describe()["device_name"],
        "torch": torch.__version__,
    }
    print(json.dumps(report, indent=2))
    write(report, given.out)


if __name__ == "__main__":
    main()
