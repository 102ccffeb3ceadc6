"""Time of a model's probes (11 t x 4 label budgets x 3 seeds), compared with the same probes one after another."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import command_line, seconds, write
from benchmarks.reference.sequential_probe import train_sequentially
from drl.evaluation.mlp_probe import Precision, train_probes
from drl.jobs.device import PAPER_SIZE_CHANNELS, place
from drl.pipeline.configuration import resolve

TIMES, FEATURES, CLASSES, SEEDS = 11, 128, 10, (0, 1, 2)


def clusters(samples: int, device: torch.device, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw codes [11, samples, 128] around one centre per class, noisier at each t, and labels [samples]."""
    centres = torch.randn(CLASSES, FEATURES, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(CLASSES, (samples,), generator=generator)
    spread = torch.linspace(1, 4, TIMES)[:, None, None]
    codes = centres[labels] + spread * torch.randn(TIMES, samples, FEATURES, generator=generator)
    return codes.to(device), labels.to(device)


def compare(images: int, epochs: int, repeats: int, precision: Precision, device: torch.device) -> dict[str, object]:
    """Time both implementations in turn.

    Args:
        images: The largest label budget; the others are a tenth, a quarter and a half of it.
        epochs: Epochs per probe.
        repeats: Number of timings of each implementation; the median is reported.
        precision: Precision of the batched probes; the reference is always fp32.
        device: The device of both.

    Returns:
        Seconds and mean test accuracy (percent) of both, their ratio, and the set-up.
    """
    generator = torch.Generator().manual_seed(1)
    codes, labels = clusters(images, device, generator)
    test = clusters(1000, device, generator)
    paper = resolve("paper").studies.probe
    options = paper.model_copy(update={"epochs": epochs, "seeds": SEEDS})
    budgets = sorted({max(images // part, 1) for part in (10, 4, 2, 1)})

    def batched() -> Tensor:
        parts = [(codes[:, :n].contiguous(), labels[:n]) for n in budgets]
        runs = [train_probes(*part, {"test": test}, CLASSES, options, device, precision) for part in parts]
        return torch.stack([run.accuracy["test"] for run in runs])

    def sequential() -> Tensor:
        runs = [train_sequentially(codes[:, :n], labels[:n], test, CLASSES, options) for n in budgets]
        return torch.stack(runs)

    timings: dict[str, list[float]] = {"batched": [], "sequential": []}
    accuracies: dict[str, float] = {}
    one_epoch = options.model_copy(update={"epochs": 1})
    train_probes(codes, labels, {"test": test}, CLASSES, one_epoch, device, precision)
    train_sequentially(codes, labels, test, CLASSES, one_epoch.model_copy(update={"seeds": SEEDS[:1]}))
    for _ in range(repeats):
        for name, work in (("batched", batched), ("sequential", sequential)):
            took, result = seconds(work, device)
            timings[name].append(took)
            accuracies[name] = round(float(result.mean()), 2)
    medians = {name: statistics.median(values) for name, values in timings.items()}
    return {
        "seconds": medians,
        "ratio": medians["sequential"] / medians["batched"],
        "mean_test_accuracy": accuracies,
        "all_seconds": timings,
        "setup": {"budgets": budgets, "times": TIMES, "seeds": len(SEEDS), "epochs": epochs, "features": FEATURES},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "precision": precision,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, print, and write JSON if requested."""
    parser = command_line(__doc__)
    parser.add_argument("--images", type=int, default=4000, help="largest label budget (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=5, help="epochs per probe (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="timings per implementation (default: %(default)s)")
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        default="auto",
        help="of the batched probes; auto: as in drl probe for the paper's encoder (the reference is always fp32)",
    )
    given = parser.parse_args(arguments)
    placement = place(given.device, given.precision, "off", given.threads, PAPER_SIZE_CHANNELS)
    report = compare(given.images, given.epochs, given.repeats, placement.precision, placement.device)
    print(json.dumps(report, indent=2))
    write(report, given.out)


if __name__ == "__main__":
    main()
