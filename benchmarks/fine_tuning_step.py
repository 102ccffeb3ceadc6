"""Semi-supervised steps at the paper's size: images per second, compared with the plain way; time of Tables 1 to 5.

The plain way is that of the authors: one PIL image after another, eager fp32, contiguous weights, SGD parameter by
parameter, with the same network. The pipeline is the choice of `drl fine-tune` on this machine. A step makes three
versions of a batch of 100 images, half of them labelled.

    python benchmarks/fine_tuning_step.py [--size 32] [--steps 5] [--out bench.json]
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import command_line, write
from benchmarks.rand_augment import TransformedImages
from benchmarks.training_step import synthetic_store
from benchmarks.ways import WAYS, both
from drl.config.jobs import FineTuneJob
from drl.config.schema import Config
from drl.jobs.device import peak_memory_bytes, place
from drl.laplacenet import versions
from drl.laplacenet.classifier import build
from drl.laplacenet.fine_tuning import FineTuner
from drl.laplacenet.image_split import ImageSplit
from drl.laplacenet.schedule import Schedule
from drl.methods.base import ImageFacts
from drl.pipeline.configuration import resolve
from drl.pipeline.items import item_jobs
from drl.pipeline.studies.training import FINE_TUNE

WARM_UP = 5  # on a GPU, the fourth step is captured as a graph


def one_after_another(images: Tensor, operations: int, generator: object, *, flip: float, padding: int) -> Tensor:
    """Augment as the authors' data loader does, in one process."""
    changed = TransformedImages(images, operations, padding)
    return torch.stack([changed[position] for position in range(len(changed))])


def measure(way: str, size: int, steps: int, device: str, threads: int | None) -> dict[str, Any]:
    """Time one way in this process."""
    settings = FINE_TUNE.settings(resolve("paper"), "cifar10", "none", 100)
    assert isinstance(settings, FineTuneJob)
    plain = way == "plain"
    precision, graphs = ("fp32", "off") if plain else ("auto", "auto")
    placement = place(device, precision, "off", threads, 16, graphs=graphs)
    store = synthetic_store(size, 10, placement.device)
    network = build(settings.network, ImageFacts(3, size, 10), 0).to(placement.device)
    if plain:
        vars(versions)["augment"] = one_after_another
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    split = ImageSplit(store.train[:100], store.train[100:], store.val, store.test)
    training = FineTuner(network, store, split, placement, settings, 0)
    if plain:
        for group in training.optimiser.sgd.param_groups:
            group["fused"], group["foreach"] = False, False
    # Pseudo-labels have a separate benchmark: here every image keeps its label.
    training.targets = store.labels.clone()
    training.epoch, training.step_in_epoch = training.schedule.supervised_epochs, 1

    def step() -> float:
        started = time.perf_counter()
        training.advance()
        training.step_in_epoch = 1
        if placement.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    for _ in range(WARM_UP):
        step()
    seconds = statistics.median(step() for _ in range(steps))
    memory = peak_memory_bytes(placement.device) / 2**20
    rate = training.images_per_step / seconds
    return {"way": way, "images_per_second": rate, "peak_memory_mib": memory, "precision": placement.precision}


def all_images(config: Config) -> tuple[int, int, int]:
    """Return the numbers of runs, of images of 32 x 32 and of pseudo-label updates for all of Tables 1 to 5.

    An image of 84 x 84 counts as (84 / 32)^2 images. Reading the code of an image counts as a third of one.
    """
    tables = [item for item, shown in config.items.items() if shown.study == "fine_tune" and shown.table is not None]
    runs = {job for item in tables for job in item_jobs(config, item) if job.step is FINE_TUNE}
    study, images, updates = config.studies.fine_tune, 0.0, 0
    for about in (job.about for job in runs):
        settings = config.datasets[str(about["dataset"])]
        schedule = Schedule.of(int(about["labels"]), settings.train, study)
        arm = config.arms[str(about["arm"])]
        epochs = schedule.epochs if arm.until == "end" else study.early_epoch
        semi = epochs - schedule.supervised_epochs
        first = schedule.supervised_epochs * schedule.steps(0) * (len(study.search) if arm.t_init == "search" else 1)
        steps = first + semi * schedule.semi_steps
        read = (semi * settings.train + epochs * settings.test) / 3
        images += (steps * study.batch_size * study.versions + read) * (settings.image_size / 32) ** 2
        updates += semi
    return len(runs), round(images), updates


def main() -> None:
    """Run both ways, each in a separate process; print the ratio and the estimated time of all runs."""
    parser = command_line(__doc__)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--way", choices=WAYS, help="measure only this way, in this process, and print JSON")
    given = parser.parse_args()
    if given.way:
        print(json.dumps(measure(given.way, given.size, given.steps, given.device, given.threads)))
        return
    timings, ratio = both("images")
    print(f"ratio     {ratio:8.2f}")
    runs, images, updates = all_images(resolve("paper"))
    rate = timings[1]["images_per_second"] * (given.size / 32) ** 2
    print(
        f"Tables 1 to 5 at paper scale: {runs} runs, {images:.3g} images of 32x32, {updates:,} pseudo-label updates; "
        f"at this rate {images / rate / 3600:,.0f} hours, and the time of the updates"
    )
    report = {"timings": timings, "ratio": ratio, "runs": runs, "images": images, "updates": updates}
    write(report, given.out)


if __name__ == "__main__":
    main()
