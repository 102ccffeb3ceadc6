"""`drl probe`: how much of the classes a small network can read from frozen codes, for every t and label budget.

Protocol: paper section 3.1 and App. F; details from the first author's later code.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from drl.data.splits import label_subset
from drl.data.store import FILES_CSV, ImageStore
from drl.device import Placement, peak_memory_bytes, place, score_channels
from drl.errors import UserError
from drl.evaluation.codes import extract_codes, passes
from drl.evaluation.mlp_probe import ProbeOptions, ProbeResult, train_probes
from drl.metrics import write_metrics
from drl.models.model_file import header, load_model
from drl.progress import Reporter
from drl.provenance import write_card

OPTIONS = ("hidden", "dropout", "learning_rate", "weight_decay", "batch_size", "epochs", "select")


def probe(
    model: Path,
    images: Path,
    out: Path,
    settings: dict[str, Any],
    code: str,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    expected: Mapping[str, Any] | None = None,
) -> None:
    """Read codes once, then train all probes of a model, one batched network for each label budget.

    Args:
        model: model.safetensors.
        images: The prepared images it was trained on.
        out: CSV with, for each label budget, probe seed and t: test accuracy in percent, the learning rate, and the
            validation accuracy where validation chooses.
        settings: `probe` and `label_list` sections (drl.config.slices.probe).
        code: Digest of the code, for the card.
        device: auto, cpu or cuda.
        precision: Of the encoder, and of the probes' matrix products in training; their evaluation is in fp32.
        threads: CPU threads.
        expected: What the model's header must say, such as its recipe and seed.

    Raises:
        UserError: If model and images do not belong together, codes are not finite, or a budget cannot be filled.
    """
    started = time.monotonic()
    found = header(model)
    origin = found["about"]
    for key, wanted in (expected or {}).items():
        if origin[key] != wanted:
            raise UserError(
                f"{model} is of {key} {origin[key]!r}, not {wanted!r}; give the right model, or pretrain it"
            )
    placement = place(device, precision, "off", threads, score_channels(found["recipe"]))
    store = ImageStore.open(images, placement.device)
    if store.name != origin["dataset"]:
        raise UserError(f"{model} was trained on dataset {origin['dataset']!r} but {images} holds {store.name!r}")
    try:
        rows = list(_rows(model, store, placement, settings, origin))
    except UserError as error:
        raise UserError(f"probe {origin['recipe']} on {origin['dataset']}, seed {origin['seed']}: {error}") from error
    write_metrics(out, ({**origin, "study": "probe", **row} for row in rows))
    write_card(
        "probe",
        [out],
        settings,
        code,
        inputs=[model, images, images.parent / FILES_CSV],
        **origin,
        **placement.describe(),
        seconds=round(time.monotonic() - started, 2),
        peak_memory_bytes=peak_memory_bytes(placement.device),
    )


def _rows(
    model: Path, store: ImageStore, placement: Placement, settings: dict[str, Any], origin: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    protocol = settings["probe"]
    times = protocol["t"]
    selects = protocol["select"] == "best_val" or bool(protocol["learning_rates"])
    train = store.train[~torch.isin(store.train, store.val)] if selects else store.train
    needed = torch.cat([train, store.test, *([store.val] if selects else [])])
    with Reporter("codes", passes(len(needed), len(times), placement), unit="passes") as reporter:
        codes = extract_codes(load_model(model, placement.device), store, needed, times, placement, reporter.advance)
    position = torch.full((len(store.labels),), -1)
    position[needed] = torch.arange(len(needed))

    def part(indices: Tensor) -> tuple[Tensor, Tensor]:
        at = position[indices].to(placement.device)
        return codes.index_select(1, at), store.labels[indices.to(placement.device)]

    evaluations = {"test": part(store.test)} | ({"val": part(store.val)} if selects else {})
    options = ProbeOptions(
        **{key: protocol[key] for key in OPTIONS},
        learning_rates=tuple(protocol["learning_rates"]),
        precision=placement.precision,
    )
    for budget in protocol["label_budgets"]:
        subset = _labelled(store, train, budget, origin["seed"], settings["label_list"])
        with Reporter(f"probes, {budget} labels", _epochs(options), unit="epochs") as reporter:
            result = train_probes(
                *part(subset),
                evaluations,
                len(store.classes),
                options,
                protocol["seeds"],
                placement.device,
                lambda *_, shown=reporter: shown.advance(),
            )
        yield from _table(result, times, protocol["seeds"], budget, origin["seed"], len(store.test))


def _epochs(options: ProbeOptions) -> int:
    return options.epochs * max(1, len(options.learning_rates))


def _labelled(store: ImageStore, train: Tensor, budget: int, seed: int, label_list: str | None) -> Tensor:
    """Return the images that keep their labels; the model's seed chooses them, so they differ between seeds."""
    files = store.training_files() if label_list else None
    subset = label_subset(
        store.labels.cpu().numpy(),
        budget,
        seed,
        candidates=train.numpy(),
        label_list_folder=label_list,
        files=files,
        classes=store.classes,
    )
    return torch.from_numpy(subset)


def _table(
    result: ProbeResult, times: list[float], seeds: list[int], budget: int, split: int, tests: int
) -> Iterator[dict[str, Any]]:
    for row, seed in enumerate(seeds):
        for column, t in enumerate(times):
            numbers = {f"{name}_accuracy": values[row, column] for name, values in result.accuracy.items()}
            numbers["learning_rate"] = result.learning_rate[column]
            for metric, value in numbers.items():
                yield {
                    "split": split,
                    "probe_seed": seed,
                    "labels": budget,
                    "t": t,
                    "epoch": int(result.epoch[row, column]),
                    "metric": metric,
                    "value": float(value),
                    "n": tests if metric == "test_accuracy" else "",
                }
