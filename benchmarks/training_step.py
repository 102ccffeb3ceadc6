"""Pretraining steps at the paper's size: images per second and peak memory of the pipeline and of the plain way.

The plain way is eager, in fp32, with contiguous weights and Adam without fusion; the networks are the same. The
pipeline is the choice of `drl pretrain` on this machine (bf16, channels_last; on CUDA compiled, as one CUDA graph).

    python benchmarks/training_step.py [--steps 5] [--compile auto|on|off] [--out bench.json]
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import command_line, write
from benchmarks.ways import WAYS, both
from drl.config.jobs import PretrainJob
from drl.data.store import ImageStore
from drl.jobs.device import Placement, network_channels, peak_memory_bytes, place
from drl.methods.base import ImageFacts
from drl.methods.build import build_method
from drl.pipeline.configuration import resolve
from drl.pipeline.studies.training import PRETRAIN
from drl.training.loop import Training

WARM_UP = 5  # on a GPU, the fourth step is captured as a graph


@dataclass(frozen=True)
class Timing:
    """Speed and memory of one way."""

    way: str
    images_per_second: float
    seconds_before_steady: float
    peak_memory_mib: float
    precision: str
    compile: bool


def synthetic_store(size: int, classes: int, device: torch.device) -> ImageStore:
    """Return 1,000 random images of the paper's size; speed does not depend on their content."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (1000, 3, size, size), generator=generator).to(torch.uint8)
    positions = torch.arange(1000)
    half = torch.full((1, 3, 1, 1), 0.5, device=device)
    return ImageStore(
        name="synthetic",
        path=Path(),
        images=images.to(device),
        labels=(positions % classes).to(device),
        train=positions,
        val=positions[:0],
        test=positions[:0],
        mean=half,
        std=0.5 * half,
        classes=tuple(map(str, range(classes))),
        facts={},
    )


def plain_training(training: Training) -> None:
    """Change a training to the plain way: contiguous weights, Adam parameter by parameter."""
    training.method.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    for group in training.optimiser.adam.param_groups:
        group["fused"], group["foreach"] = False, False


def measure(way: str, steps: int, compile_mode: str, device: str, threads: int | None) -> Timing:
    """Time one way in this process, so that peak memory is that of this way alone."""
    settings = PRETRAIN.settings(resolve("paper"), "cifar10", "drl")
    assert isinstance(settings, PretrainJob)
    # Code usage is left out, because it is measured only ten times in 250,000 steps.
    settings = settings.model_copy(update={"code_usage": settings.code_usage.model_copy(update={"times": 1})})
    recipe = settings.recipe
    placement: Placement = (
        place(device, "fp32", "off", threads)
        if way == "plain"
        else place(device, "auto", compile_mode, threads, network_channels(recipe), graphs="auto")
    )
    store = synthetic_store(32, 10, placement.device)
    torch.manual_seed(0)
    method = build_method(recipe, ImageFacts(3, 32, 10), store.mean.cpu(), store.std.cpu()).to(placement.device)
    training = Training(method, store, placement, settings, 0)
    if way == "plain":
        plain_training(training)
    method.train()

    def step() -> float:
        started = time.perf_counter()
        training.advance()
        if placement.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    before_steady = sum(step() for _ in range(WARM_UP))
    seconds = statistics.median(step() for _ in range(steps))
    memory = peak_memory_bytes(placement.device) / 2**20
    rate = recipe.batch_size / seconds
    return Timing(way, rate, before_steady, memory, placement.precision, placement.compile)


def main() -> None:
    """Run both ways, each in a separate process, and print the ratio."""
    parser = command_line(__doc__)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--compile", default="auto", choices=("auto", "on", "off"))
    parser.add_argument("--way", choices=WAYS, help="measure only this way, in this process, and print JSON")
    given = parser.parse_args()
    if given.way:
        timing = measure(given.way, given.steps, given.compile, given.device, given.threads)
        print(json.dumps(asdict(timing)))
        return
    timings, ratio = both("images")
    print(f"ratio     {ratio:8.2f}   (the first {WARM_UP} steps took {timings[1]['seconds_before_steady']:.0f} s)")
    write({"timings": timings, "ratio": ratio}, given.out)


if __name__ == "__main__":
    main()
