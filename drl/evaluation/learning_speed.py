"""`drl learning-speed`: accuracy of probes on the codes at several steps of the training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from drl.config.jobs import LearningSpeedJob, ProbeProtocol
from drl.errors import UserError
from drl.evaluation.codes import CodeTable, as_probed, read_codes
from drl.evaluation.measurement import Measurement, begin, without
from drl.evaluation.mlp_probe import train_in_view
from drl.jobs.job import Job
from drl.models.model_file import load_snapshots

# Codes that are in memory at once; further snapshots are probed in another batch.
LIMIT_BYTES = {"cpu": 1 << 30, "cuda": 8 << 30}


def run(job: Job[LearningSpeedJob]) -> None:
    """Probe the encoder's snapshots, all of them and all t in one batched network where memory allows.

    `job.out` holds, for each snapshot's step, t and probe seed, the accuracy in percent. Only the last label budget
    counts. Where validation images are measured or choose anything, none of them is labelled.

    Raises:
        UserError: If snapshots and images do not belong together, codes are not finite, the budget cannot be filled,
            or there are no snapshots or no images to measure on.
    """
    found = begin(job)
    found.write(_rows(found))


def _rows(found: Measurement[LearningSpeedJob]) -> Iterator[dict[str, Any]]:
    protocol, store, seed = found.job.settings.probe, found.store, found.seed
    evaluations = _evaluations(found)
    train = without(store.train, store.val) if "val" in evaluations else store.train
    budget = protocol.label_budgets[-1]
    subset = found.labelled(train, budget, seed)
    count = 0
    for steps, read in _batches(found, torch.cat([subset, *evaluations.values()]), protocol):
        table = as_probed(read, found.header.recipe, subset)
        eval_sets = {name: table.part(indices) for name, indices in evaluations.items()}
        title, classes = f"probes, {len(subset)} labels", len(store.classes)
        result = train_in_view(title, table.part(subset), eval_sets, classes, protocol, found.placement)
        count += len(steps)
        for column, (step, t) in enumerate((step, t) for step in steps for t in protocol.t):
            for row, probe_seed in enumerate(protocol.seeds):
                cells = {"split": seed, "labels": budget, "step": step, "t": t, "probe_seed": probe_seed}
                for name, indices in evaluations.items():
                    yield {**cells, **result.cells(name, row, column), "n": len(indices)}
    if not count:
        raise UserError(f"{found.file} holds no snapshots; pretrain again, with snapshots of the encoder")


def _evaluations(found: Measurement[LearningSpeedJob]) -> dict[str, Tensor]:
    settings, store = found.job.settings, found.store
    names = {settings.split, *(["val"] if settings.probe.uses_validation else [])}
    evaluations = {name: part for name, part in {"val": store.val, "test": store.test}.items() if name in names}
    if not all(map(len, evaluations.values())):
        raise UserError(f"dataset {store.name!r} has no validation images to measure on; set its validation")
    return evaluations


def _batches(
    found: Measurement[LearningSpeedJob], needed: Tensor, protocol: ProbeProtocol
) -> Iterator[tuple[list[int], CodeTable]]:
    """Yield the steps of some snapshots and a table of their codes [steps * T, N, D], t varying fastest."""
    limit, noise = LIMIT_BYTES[found.placement.device.type], found.noise_seed(protocol.dae_input)
    steps: list[int] = []
    tables: list[CodeTable] = []
    for step, method in load_snapshots(found.file, found.placement.device):
        title = f"codes after {step} steps"
        table = read_codes(method, found.store, needed, protocol.t, found.placement, noise, title)
        if tables and (len(tables) + 1) * table.codes.nbytes > limit:
            yield steps, _joined(tables)
            steps, tables = [], []
        steps.append(step)
        tables.append(table)
    if tables:
        yield steps, _joined(tables)


def _joined(tables: list[CodeTable]) -> CodeTable:
    return CodeTable(torch.cat([table.codes for table in tables]), tables[0].labels, tables[0].rows)
