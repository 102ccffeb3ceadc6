"""`drl probe`: how well a small network predicts the class from frozen codes, for every t and label budget.

The protocol is that of paper section 3.1 and App. F, with details from the first author's later code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from drl.config.jobs import ProbeJob, ProbeProtocol
from drl.evaluation.codes import as_probed, read_codes
from drl.evaluation.measurement import Measurement, begin, without
from drl.evaluation.mlp_probe import EvalSets, ProbeResult, train_in_view
from drl.evaluation.trajectory import Ordinary, held_out, trajectory
from drl.jobs.job import Job
from drl.models.model_file import load_model


def run(job: Job[ProbeJob]) -> None:
    """Read codes once, then train all probes of a model, one batched network for each label budget.

    `job.out` holds, for each label budget, probe seed and t: test accuracy in percent, the learning rate, and the
    validation accuracy where validation chooses. With `trajectory` there are also the arms `concatenated` and `chosen`
    for the last budget (drl.evaluation.trajectory). The precision is that of the encoder, and of the probes' matrix
    products in training; their evaluation is in fp32. Codes are read as they are, except activations of a score network
    (`score_features`), which are standardised by the training images.

    Raises:
        UserError: If model and images do not belong together, codes are not finite, a budget cannot be filled, or no
            labelled image can choose the t of `chosen`.
    """
    found = begin(job)
    found.write(_rows(found))


def _rows(found: Measurement[ProbeJob]) -> Iterator[dict[str, Any]]:
    settings, store, seed = found.job.settings, found.store, found.seed
    protocol = settings.probe
    selects = protocol.uses_validation
    train = without(store.train, store.val) if selects else store.train
    # All subsets first: a budget that cannot be filled should not cost an extraction.
    subsets = {n: found.labelled(train, n, seed, settings.label_list) for n in protocol.label_budgets}
    last = protocol.label_budgets[-1] if protocol.trajectory else None
    if last is not None and not selects:
        held_out(subsets[last], store.val)
    measured = {"test": store.test} | ({"val": store.val} if selects else {})
    method = load_model(found.file, found.placement.device)
    needed, noise = torch.cat([train, *measured.values()]), found.noise_seed(protocol.dae_input)
    read = read_codes(method, store, needed, protocol.t, found.placement, noise)
    table = as_probed(read, found.header.recipe, train)
    eval_sets = {name: table.part(indices) for name, indices in measured.items()}

    def train_probes(title: str, labelled: tuple[Tensor, Tensor], evaluations: EvalSets) -> ProbeResult:
        return train_in_view(title, labelled, evaluations, len(store.classes), protocol, found.placement)

    for budget, subset in subsets.items():
        result = train_probes(f"probes, {budget} labels", table.part(subset), eval_sets)
        for row in _table(result, protocol, len(store.test)):
            yield {"split": seed, "labels": budget, **row}
        if budget == last:
            ordinary = Ordinary(table, subset, store.val, measured, result)
            for row in trajectory(ordinary, protocol, train_probes):
                yield {"split": seed, "labels": budget, **row}


def _table(result: ProbeResult, protocol: ProbeProtocol, tests: int) -> Iterator[dict[str, Any]]:
    for row, seed in enumerate(protocol.seeds):
        for column, t in enumerate(protocol.t):
            for name in result.accuracy:
                more = {"n": tests, **result.bits(name, row, column)} if name == "test" else {"n": ""}
                yield {"probe_seed": seed, "t": t, **result.cells(name, row, column), **more}
            rate = {"metric": "learning_rate", "value": float(result.learning_rate[column])}
            yield {"probe_seed": seed, "t": t, "epoch": int(result.epoch[row, column]), **rate}
