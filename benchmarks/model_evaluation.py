"""Time to evaluate one model at the paper's sizes: codes of 60,000 images at 11 t, 4 label budgets, 3 probe seeds.

The plain way computes codes for one t after another in eager fp32 with contiguous weights and batches of 100, and
trains one probe after another. The pipeline is the choice of `drl probe` on this machine. On CUDA, all of the pipeline
is timed. On a CPU, a part is timed and scaled up: codes of fewer images at one t, by the number of images and of t;
probes for one epoch on fewer labels, by the number of optimiser steps. The plain way takes hours, so it is always
scaled up, from one t and one probe.

    python benchmarks/model_evaluation.py [--images 1280] [--labels 5120] [--repeats 3] [--out bench.json]
"""

from __future__ import annotations

import copy
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import command_line, seconds, write
from benchmarks.reference.sequential_probe import train_sequentially
from benchmarks.training_step import synthetic_store
from drl.config.jobs import ProbeJob, ProbeProtocol
from drl.config.resolve import recipe as resolve_recipe
from drl.config.studies import ProbeTraining
from drl.data.store import ImageStore
from drl.evaluation.codes import CHUNKS, extract_codes
from drl.evaluation.mlp_probe import train_probes
from drl.jobs.device import Placement, network_channels, peak_memory_bytes, place
from drl.methods.base import ImageFacts, Method
from drl.methods.build import build_method
from drl.pipeline.configuration import resolve
from drl.pipeline.studies.codes import PROBE

TRAIN, TEST, CLASSES = 50_000, 10_000, 10
PLAIN_BATCH = 100


@dataclass(frozen=True)
class Subject:
    """A model with new weights (as fast as a trained one), its images and the protocol of the probes."""

    method: Method
    store: ImageStore
    placement: Placement
    protocol: ProbeProtocol
    code_size: int

    @property
    def chunk(self) -> int:
        """Number of images per pass of the pipeline."""
        return CHUNKS[self.placement.device.type]

    def images(self, count: int) -> Tensor:
        """Return `count` indices; the images of the store are used repeatedly."""
        return torch.arange(count) % len(self.store.labels)

    def labels(self, count: int) -> Tensor:
        """Return the labels of `images(count)` on the device."""
        return self.store.labels[self.images(count).to(self.placement.device)]


def subject(device: str, precision: str, threads: int | None) -> Subject:
    """Build the paper's WRN-28-2 of recipe drl for 32x32x3, with the probe settings of scale paper."""
    config = resolve("paper")
    recipe = resolve_recipe(config, "drl", "cifar10")
    settings = PROBE.settings(config, "cifar10", "drl")
    assert isinstance(settings, ProbeJob)
    placement = place(device, precision, "off", threads, network_channels(recipe))
    store = synthetic_store(32, CLASSES, placement.device)
    torch.manual_seed(0)
    method = build_method(recipe, ImageFacts(3, 32, CLASSES), store.mean.cpu(), store.std.cpu())
    encoder: Any = method.code_network()
    return Subject(
        method.to(placement.device).eval().requires_grad_(False),
        store,
        placement,
        settings.probe,
        encoder.code_size,
    )


@torch.inference_mode()
def plain_codes(method: Method, store: ImageStore, indices: Tensor, times: Sequence[float]) -> Tensor:
    """Encode like a plain script: one t at a time, float32, contiguous, batches of 100.

    On CUDA, convolutions keep torch's default, which rounds their input to TF32.

    Returns:
        float32 [T, N, D] on the device.
    """
    rows = []
    for value in times:
        batches = [store.batch(part).images for part in indices.split(PLAIN_BATCH)]
        t = torch.full((PLAIN_BATCH,), value, device=store.images.device)
        rows.append(torch.cat([method.encode(images, t[: len(images)]) for images in batches]))
    return torch.stack(rows)


def steps(protocol: ProbeTraining, labels: int) -> int:
    """Return the number of optimiser steps of a probe with the given number of labels."""
    return protocol.epochs * (labels // min(protocol.batch_size, labels))


def codes_cost(it: Subject, plain: Method, images: int, full: bool) -> dict[str, float]:
    """Return the seconds for the codes of all images at all t, for the plain way and the pipeline."""
    everything = (TRAIN + TEST) * len(it.protocol.t)

    def rounded(chunk: int) -> Tensor:
        # Only complete chunks: an incomplete one takes more time per image, which matters less for 60,000 images.
        return it.images(max(images // chunk, 1) * chunk)

    device = it.placement.device
    taken, times = (it.images(TRAIN + TEST), it.protocol.t) if full else (rounded(it.chunk), it.protocol.t[:1])
    few = rounded(PLAIN_BATCH)
    pipeline = seconds(lambda: extract_codes(it.method, it.store, taken, times, it.placement), device)[0]
    reference = seconds(lambda: plain_codes(plain, it.store, few, it.protocol.t[:1]), device)[0]
    return {
        "pipeline": pipeline * everything / (len(taken) * len(times)),
        "plain": reference * everything / len(few),
    }


def probes_cost(it: Subject, labels: int, full: bool) -> dict[str, float]:
    """Return the seconds for all probes of the model, for the plain way and the pipeline.

    Only a full run measures test accuracies, which are 0.4 % of the operations.
    """
    count, tests = (TRAIN, TEST) if full else (labels, 1)
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(len(it.protocol.t), count, it.code_size, generator=generator).to(it.placement.device)
    truth = it.labels(count)
    test = {"test": (codes[:, :tests], truth[:tests])}
    one_epoch = it.protocol.model_copy(update={"epochs": 1})

    def batched() -> None:
        for n in it.protocol.label_budgets if full else [labels]:
            parts = (codes[:, :n].contiguous(), truth[:n])
            protocol = it.protocol if full else one_epoch
            train_probes(*parts, test, CLASSES, protocol, it.placement.device, it.placement.precision)

    def sequential() -> None:
        few = (codes[:1, :labels].contiguous(), truth[:labels])
        one_seed = one_epoch.model_copy(update={"seeds": it.protocol.seeds[:1]})
        train_sequentially(*few, (few[0][:, :1], few[1][:1]), CLASSES, one_seed)

    scale = sum(steps(it.protocol, n) for n in it.protocol.label_budgets) / steps(one_epoch, labels)
    return {
        "pipeline": seconds(batched, it.placement.device)[0] * (1 if full else scale),
        "plain": seconds(sequential, it.placement.device)[0] * scale * len(it.protocol.t) * len(it.protocol.seeds),
    }


def compare(it: Subject, images: int, labels: int, repeats: int, full: bool) -> dict[str, Any]:
    """Time both ways in turn.

    Args:
        it: The model to evaluate.
        images: Number of images for codes if the time is scaled up.
        labels: Number of labelled images for probes if the time is scaled up.
        repeats: Number of timings of each way; the median is reported.
        full: Whether the pipeline runs at full size.

    Returns:
        Seconds per model for codes, probes and both, the ratio of plain way to pipeline, and the set-up.
    """
    plain = copy.deepcopy(it.method).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    codes_cost(it, plain, it.chunk, False)
    probes_cost(it, it.protocol.batch_size, False)
    codes = [codes_cost(it, plain, images, full) for _ in range(repeats)]
    probes = [probes_cost(it, labels, full) for _ in range(repeats)]
    report: dict[str, Any] = {}
    for name, runs in (("codes", codes), ("probes", probes)):
        report[name] = {way: round(statistics.median(run[way] for run in runs), 2) for way in ("pipeline", "plain")}
    report["total"] = {way: round(report["codes"][way] + report["probes"][way], 2) for way in ("pipeline", "plain")}
    ratios = {name: round(report[name]["plain"] / report[name]["pipeline"], 2) for name in ("codes", "probes", "total")}
    return {
        "seconds_a_model": report,
        "ratio": ratios,
        "scaled_up": {"pipeline": not full, "plain": True},
        "all_seconds": {"codes": codes, "probes": probes},
        "setup": {
            "images": [TRAIN, TEST],
            "times": len(it.protocol.t),
            "budgets": it.protocol.label_budgets,
            "probe_seeds": len(it.protocol.seeds),
            "epochs": it.protocol.epochs,
            "code_size": it.code_size,
            "timed_images": images,
            "timed_labels": labels,
        },
        "peak_memory_mib": round(peak_memory_bytes(it.placement.device) / 2**20),
        "torch": torch.__version__,
        **it.placement.describe(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, print, and write JSON if requested."""
    parser = command_line(__doc__)
    parser.add_argument(
        "--precision", default="auto", choices=("auto", "fp32", "bf16"), help="precision of the pipeline"
    )
    parser.add_argument("--images", type=int, default=1280, help="images for codes if scaled up (default: %(default)s)")
    parser.add_argument(
        "--labels", type=int, default=5120, help="labels for probes if scaled up (default: %(default)s)"
    )
    parser.add_argument("--repeats", type=int, default=3, help="timings of each way (default: %(default)s)")
    given = parser.parse_args(arguments)
    it = subject(given.device, given.precision, given.threads)
    report = compare(it, given.images, given.labels, given.repeats, full=it.placement.device.type == "cuda")
    print(json.dumps(report, indent=2))
    write(report, given.out)


if __name__ == "__main__":
    main()
