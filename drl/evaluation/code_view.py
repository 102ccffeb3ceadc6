"""`drl code-view`: how well classes are separated in a model's codes over t, and the codes in two dimensions."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from sklearn.decomposition import PCA
from torch import Tensor

from drl.config.jobs import CodeViewJob
from drl.errors import UserError
from drl.evaluation.codes import read_codes
from drl.evaluation.geometry import silhouette
from drl.evaluation.measurement import Measurement, begin
from drl.files import atomic
from drl.jobs.job import Job
from drl.models.model_file import load_model
from drl.records.inputs import check_inputs
from drl.records.metrics import read_metrics
from drl.training.seeds import generator


def run(job: Job[CodeViewJob]) -> None:
    """Write silhouettes of the test images' codes at each t, and their two principal components at one t.

    That t is the one that validation images chose for the probes: no test image has a say in it. The input `probes`
    holds the metrics of the model's probes, which name it. `job.out` has rows `silhouette` for each t, and at the
    chosen t `explained_variance`, the share of the codes' variance in percent that the two components hold. Beside it
    lies `<name>.codes.csv`: z_1, z_2, class.

    Raises:
        UserError: If model and images do not belong together, codes are not finite, the probes chose no t, or there
            are too few test images.
    """
    found, probes = begin(job), job.input("probes")
    found.digests.update(check_inputs([probes]))
    table = job.out.with_suffix(".codes.csv")
    found.write(_rows(found, chosen_time(probes), table), [table])


def chosen_time(probes: Path) -> float:
    """Return the t chosen on validation images for a model's probes.

    Raises:
        UserError: If the file has no chosen t.
    """
    for row in read_metrics(probes):
        if row["arm"] == "chosen" and row["metric"] == "val_accuracy":
            return float(row["t"])
    raise UserError(f"{probes} has no t chosen on validation images; probe again with studies.probe.trajectory: true")


def _rows(found: Measurement[CodeViewJob], chosen: float, table: Path) -> Iterator[dict[str, Any]]:
    protocol, store = found.job.settings.code_view, found.store
    indices = some_of(store.test, protocol.images, found.seed)
    labels = store.labels[indices.to(store.labels.device)].cpu()
    if not 2 <= len(labels.unique()) < len(labels):
        raise UserError(f"{len(labels)} test images of {len(labels.unique())} classes give no silhouette; add images")
    times = sorted({*protocol.t, chosen})
    method = load_model(found.file, found.placement.device)
    codes = read_codes(method, store, indices, times, found.placement, found.noise_seed(protocol.dae_input)).codes
    for t, own in zip(times, codes, strict=True):
        yield {"t": t, "metric": "silhouette", "value": silhouette(own, labels), "n": len(labels)}
    components, share = two_dimensions(codes[times.index(chosen)])
    _write(table, components, [store.classes[label] for label in labels.tolist()])
    yield {"t": chosen, "metric": "explained_variance", "value": 100 * share, "n": len(labels)}


def some_of(indices: Tensor, most: int, seed: int) -> Tensor:
    """Return the given indices (int64 [N]), or a random choice of `most` of them, in the same order."""
    if len(indices) <= most:
        return indices
    order = torch.randperm(len(indices), generator=generator(seed, "viewed images"))
    return indices[order[:most].sort().values]


def two_dimensions(codes: Tensor) -> tuple[Tensor, float]:
    """Return the first two principal components [N, 2] of codes [N, D], and their share of the variance, in [0, 1].

    For codes of one dimension the second component is zero. For equal codes both are zero, and the share is 1.
    """
    numbers = codes.double().cpu().numpy()
    components = torch.zeros(len(codes), 2, dtype=torch.float64)
    if (numbers == numbers[0]).all():
        return components, 1.0
    fit = PCA(n_components=min(2, numbers.shape[1]), svd_solver="full")
    components[:, : numbers.shape[1]] = torch.from_numpy(fit.fit_transform(numbers))
    return components, float(fit.explained_variance_ratio_.sum())


def _write(path: Path, components: Tensor, classes: Sequence[str]) -> None:
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["z_1", "z_2", "class"])
        for (first, second), name in zip(components.tolist(), classes, strict=True):
            writer.writerow([f"{first:.5g}", f"{second:.5g}", name])
