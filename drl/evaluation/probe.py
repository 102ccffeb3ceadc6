"""`drl probe`: how well a small network predicts the class from frozen codes, for every t and label budget.

The protocol is that of paper section 3.1 and App. F, with details from the first author's later code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from drl.evaluation.codes import read_codes
from drl.evaluation.measurement import Measurement, begin, without
from drl.evaluation.mlp_probe import EvalSets, ProbeOptions, ProbeResult, train_in_view
from drl.evaluation.trajectory import Ordinary, held_out, trajectory
from drl.models.model_file import load_model


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
            validation accuracy where validation chooses. With the key `trajectory`, also the arms `concatenated` and
            `chosen` for the last budget (drl.evaluation.trajectory).
        settings: `probe` and `label_list` sections (drl.pipeline.slices.probe).
        code: Digest of the code, for the card.
        device: auto, cpu or cuda.
        precision: Of the encoder, and of the probes' matrix products in training; their evaluation is in fp32.
        threads: CPU threads.
        expected: What the model's header must say, such as its recipe and seed.

    Raises:
        UserError: If model and images do not belong together, codes are not finite, a budget cannot be filled, or no
            labelled image can choose the t of `chosen`.
    """
    found = begin("probe", model, images, device, precision, threads, expected)
    found.write(out, _rows(found, settings), settings, code)


def _rows(found: Measurement, settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    protocol, store, seed = settings["probe"], found.store, found.about["seed"]
    options = ProbeOptions.from_settings(protocol, found.placement.precision)
    train = without(store.train, store.val) if options.selects else store.train
    # Choose all subsets first, so that a budget that cannot be filled fails before codes are extracted.
    subsets = {n: found.labelled(train, n, seed, settings["label_list"]) for n in protocol["label_budgets"]}
    last = protocol["label_budgets"][-1] if protocol.get("trajectory") else None
    if last is not None and not options.selects:
        held_out(subsets[last], store.val)
    measured = {"test": store.test} | ({"val": store.val} if options.selects else {})
    method = load_model(found.model, found.placement.device)
    needed = torch.cat([train, *measured.values()])
    table = read_codes(method, store, needed, protocol["t"], found.placement, found.noise_seed(protocol))
    eval_sets = {name: table.part(indices) for name, indices in measured.items()}

    def run(title: str, labelled: tuple[Tensor, Tensor], evaluations: EvalSets) -> ProbeResult:
        return train_in_view(
            title, labelled, evaluations, len(store.classes), options, protocol["seeds"], found.placement.device
        )

    for budget, subset in subsets.items():
        result = run(f"probes, {budget} labels", table.part(subset), eval_sets)
        for row in _table(result, protocol["t"], protocol["seeds"], len(store.test)):
            yield {"split": seed, "labels": budget, **row}
        if budget == last:
            ordinary = Ordinary(table, subset, store.val, measured, result)
            for row in trajectory(ordinary, protocol["t"], protocol["seeds"], run):
                yield {"split": seed, "labels": budget, **row}


def _table(result: ProbeResult, times: Sequence[float], seeds: Sequence[int], tests: int) -> Iterator[dict[str, Any]]:
    for row, seed in enumerate(seeds):
        for column, t in enumerate(times):
            numbers = {f"{name}_accuracy": values[row, column] for name, values in result.accuracy.items()}
            numbers["learning_rate"] = result.learning_rate[column]
            for metric, value in numbers.items():
                yield {
                    "probe_seed": seed,
                    "t": t,
                    "epoch": int(result.epoch[row, column]),
                    "metric": metric,
                    "value": float(value),
                    "n": tests if metric == "test_accuracy" else "",
                }
