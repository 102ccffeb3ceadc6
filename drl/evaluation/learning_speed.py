"""`drl learning-speed`: accuracy of probes on the codes at several steps of the training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from drl.errors import UserError
from drl.evaluation.codes import CodeTable, read_codes
from drl.evaluation.measurement import Measurement, begin, without
from drl.evaluation.mlp_probe import ProbeOptions, ProbeResult, train_in_view
from drl.models.model_file import load_snapshots

# Codes that are in memory at once; further snapshots are probed in another batch.
LIMIT_BYTES = {"cpu": 1 << 30, "cuda": 8 << 30}


def learning_speed(
    snapshots: Path,
    images: Path,
    out: Path,
    settings: dict[str, Any],
    code: str,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    expected: Mapping[str, Any] | None = None,
) -> None:
    """Probe the encoder's snapshots, all of them and all t in one batched network where memory allows.

    Args:
        snapshots: What pretraining wrote of the encoder now and then.
        images: The prepared images it was trained on.
        out: CSV with, for each snapshot's step, probe seed and t: the accuracy in percent.
        settings: `probe` (how probes are trained; the last of its label budgets counts), `t`, and `split`: val, the
            default, measures on the validation images, of which none is then labelled, and test on the test images.
        code: Digest of the code, for the card.
        device: auto, cpu or cuda.
        precision: Of the encoder, and of the probes' matrix products in training.
        threads: CPU threads.
        expected: What the header must say, such as recipe and seed.

    Raises:
        UserError: If snapshots and images do not belong together, codes are not finite, the budget cannot be filled,
            or there are no snapshots or no images to measure on.
    """
    found = begin("learning_speed", snapshots, images, device, precision, threads, expected)
    found.write(out, _rows(found, settings), settings, code)


def _rows(found: Measurement, settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    protocol, store, seed = settings["probe"], found.store, found.about["seed"]
    options = ProbeOptions.from_settings(protocol, found.placement.precision)
    evaluations = _evaluations(found, settings.get("split", "val"), options)
    train = without(store.train, store.val) if "val" in evaluations else store.train
    budget = protocol["label_budgets"][-1]
    subset = found.labelled(train, budget, seed, settings.get("label_list"))
    count = 0
    for steps, table in _batches(found, torch.cat([subset, *evaluations.values()]), settings):
        result = train_in_view(
            f"probes, {len(subset)} labels",
            table.part(subset),
            {name: table.part(indices) for name, indices in evaluations.items()},
            len(store.classes),
            options,
            protocol["seeds"],
            found.placement.device,
        )
        count += len(steps)
        columns = [{"step": step, "t": t} for step in steps for t in settings["t"]]
        for row in _table(result, columns, protocol["seeds"], evaluations):
            yield {"split": seed, "labels": budget, **row}
    if not count:
        raise UserError(f"{found.model} has no snapshots; pretrain again, with snapshots of the encoder")


def _evaluations(found: Measurement, split: str, options: ProbeOptions) -> dict[str, Tensor]:
    names = {split, *(["val"] if options.selects else [])}
    parts = {"val": found.store.val, "test": found.store.test}
    evaluations = {name: indices for name, indices in parts.items() if name in names}
    if not all(map(len, evaluations.values())):
        raise UserError(f"dataset {found.store.name!r} has no validation images to measure on; set its validation")
    return evaluations


def _batches(found: Measurement, needed: Tensor, settings: Mapping[str, Any]) -> Iterator[tuple[list[int], CodeTable]]:
    """Yield the steps of some snapshots and a table of their codes [steps * T, N, D]; t varies fastest."""
    limit = LIMIT_BYTES[found.placement.device.type]
    steps: list[int] = []
    tables: list[CodeTable] = []
    for step, method in load_snapshots(found.model, found.placement.device):
        noise = found.noise_seed(settings["probe"])
        title = f"codes after {step} steps"
        table = read_codes(method, found.store, needed, settings["t"], found.placement, noise, title)
        if tables and (len(tables) + 1) * table.codes.nbytes > limit:
            yield steps, _joined(tables)
            steps, tables = [], []
        steps.append(step)
        tables.append(table)
    if tables:
        yield steps, _joined(tables)


def _joined(tables: list[CodeTable]) -> CodeTable:
    return CodeTable(torch.cat([table.codes for table in tables]), tables[0].labels, tables[0].rows)


def _table(
    result: ProbeResult, columns: list[dict[str, Any]], seeds: list[int], evaluations: Mapping[str, Tensor]
) -> Iterator[dict[str, Any]]:
    for column, cells in enumerate(columns):
        for row, seed in enumerate(seeds):
            for name, indices in evaluations.items():
                yield {
                    **cells,
                    "probe_seed": seed,
                    "epoch": int(result.epoch[row, column]),
                    "metric": f"{name}_accuracy",
                    "value": float(result.accuracy[name][row, column]),
                    "n": len(indices),
                }
