"""`drl code-view`: how well classes are separated in a model's codes over t, and the codes in two dimensions."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from sklearn.decomposition import PCA
from torch import Tensor

from drl.errors import UserError
from drl.evaluation.codes import extract_codes, passes
from drl.evaluation.geometry import silhouette
from drl.evaluation.measurement import Measurement, begin
from drl.files import atomic
from drl.jobs.progress import Reporter
from drl.models.model_file import load_model
from drl.records.inputs import check_inputs
from drl.records.metrics import read_metrics
from drl.training.seeds import generator


def code_view(
    model: Path,
    images: Path,
    probes: Path,
    out: Path,
    settings: dict[str, Any],
    code: str,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    expected: Mapping[str, Any] | None = None,
) -> None:
    """Write silhouettes of the test images' codes at each t, and their two principal components at one t.

    That t was chosen for the probes on validation images; test images do not influence it.

    Args:
        model: model.safetensors.
        images: The prepared images it was trained on.
        probes: Metrics of the model's probes, which name the chosen t.
        out: CSV with rows `silhouette` for each t, and at the chosen t `explained_variance`, the share of the codes'
            variance in percent that the two components hold. Beside it `<name>.codes.csv`: z_1, z_2, class.
        settings: `code_view` section (drl.pipeline.slices.code_view): t, and how many test images are read at most.
        code: Digest of the code, for the card.
        device: auto, cpu or cuda; of the encoder only.
        precision: Of the encoder.
        threads: CPU threads.
        expected: What the model's header must say, such as its recipe and seed.

    Raises:
        UserError: If model and images do not belong together, codes are not finite, the probes chose no t, or there
            are too few test images.
    """
    found = begin("code_view", model, images, device, precision, threads, expected)
    found.inputs.update(check_inputs([probes]))
    table = out.with_suffix(".codes.csv")
    found.write(out, _rows(found, settings["code_view"], chosen_time(probes), table), settings, code, [table])


def chosen_time(probes: Path) -> float:
    """Return the t chosen on validation images for a model's probes.

    Raises:
        UserError: If the file has no chosen t.
    """
    for row in read_metrics(probes):
        if row["arm"] == "chosen" and row["metric"] == "val_accuracy":
            return float(row["t"])
    raise UserError(f"{probes} has no t chosen on validation images; probe again with studies.probe.trajectory: true")


def _rows(found: Measurement, protocol: Mapping[str, Any], chosen: float, table: Path) -> Iterator[dict[str, Any]]:
    store, seed = found.store, int(found.about["seed"])
    indices = some_of(store.test, protocol["images"], seed)
    labels = store.labels[indices.to(store.labels.device)].cpu()
    if not 2 <= len(labels.unique()) < len(labels):
        raise UserError(f"{len(labels)} test images of {len(labels.unique())} classes give no silhouette; add images")
    times = sorted({*protocol["t"], chosen})
    method = load_model(found.model, found.placement.device)
    with Reporter("codes", passes(len(indices), len(times), found.placement), unit="passes") as reporter:
        codes = extract_codes(
            method, store, indices, times, found.placement, reporter.advance, found.noise_seed(protocol)
        )
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
