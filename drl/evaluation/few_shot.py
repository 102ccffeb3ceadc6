"""`drl few-shot`: support vector machines on the codes of a few labelled images, for every t (Figure 8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import torch
from sklearn.svm import SVC
from torch import Tensor

from drl.config.jobs import FewShotJob
from drl.errors import UserError
from drl.evaluation.codes import CodeTable, read_codes
from drl.evaluation.measurement import Measurement, begin, without
from drl.jobs.job import Job
from drl.models.model_file import load_model
from drl.records.right import RIGHT, packed


def run(job: Job[FewShotJob]) -> None:
    """Fit `sklearn.svm.SVC()` with its defaults to the codes of n labelled training images, for each n and t.

    `job.out` holds, for each number of labels and t, test accuracy in percent, and validation accuracy where asked; as
    many machines are fitted at once as there are threads.

    Raises:
        UserError: If model and images do not belong together, codes are not finite, a number of labels cannot be
            filled, or validation is asked for and there are no validation images.
    """
    found = begin(job)
    found.write(_rows(found))


def _rows(found: Measurement[FewShotJob]) -> Iterator[dict[str, Any]]:
    settings, store = found.job.settings, found.store
    protocol = settings.few_shot
    evaluations = {"test": store.test} | ({"val": store.val} if protocol.validation else {})
    if not all(map(len, evaluations.values())):
        raise UserError(
            f"dataset {store.name!r} has no validation images to choose a member of the sweep; set its validation, or "
            "remove the sweep from the item's recipes"
        )
    train = without(store.train, store.val) if protocol.validation else store.train
    subsets = {n: found.labelled(train, n, protocol.split, settings.label_list) for n in protocol.labels}
    method, noise = load_model(found.file, found.placement.device), found.noise_seed(protocol.dae_input)
    # An encoder without time gives an image the same code at every t: one will do.
    times = protocol.t if method.codes_see_time or noise is not None else protocol.t[:1]
    needed = torch.unique(torch.cat([*subsets.values(), *evaluations.values()]))
    table = read_codes(method, store, needed, times, found.placement, noise)
    tasks = [(n, column) for n in subsets for column in range(len(times))]
    fit = partial(_fit, table, subsets, evaluations)
    # Fitting and predicting release the interpreter lock.
    with ThreadPoolExecutor(found.placement.threads) as pool:
        reached = dict(zip(tasks, pool.map(fit, *zip(*tasks, strict=True)), strict=True))
    for n in subsets:
        for column, t in enumerate(protocol.t):
            for name, right in reached[n, min(column, len(times) - 1)].items():
                cells = {"split": protocol.split, "labels": n, "t": t, "metric": f"{name}_accuracy"}
                cells |= {RIGHT: packed(right)} if name == "test" else {}
                yield {**cells, "value": 100 * float(right.double().mean()), "n": len(right)}


def _fit(
    table: CodeTable, subsets: Mapping[int, Tensor], evaluations: Mapping[str, Tensor], n: int, column: int
) -> dict[str, Tensor]:
    """Return which images of each eval set a support vector machine, fitted to n labels at one t, gets right."""

    def part(indices: Tensor) -> tuple[Any, Any]:
        rows = table.rows[indices.to(table.rows.device)]
        return table.codes[column, rows].double().cpu().numpy(), table.labels[rows].cpu().numpy()

    def right(indices: Tensor) -> Tensor:
        codes, labels = part(indices)
        return torch.from_numpy(machine.predict(codes) == labels)

    machine = SVC().fit(*part(subsets[n]))
    return {name: right(indices) for name, indices in evaluations.items()}
