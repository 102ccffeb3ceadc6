"""Facts about a model for its card: its header, and the run cards and metrics in the same folder of results."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from drl.config.methods import SupervisedSettings
from drl.errors import UserError
from drl.methods.describe import parameters
from drl.models.model_file import About, ModelHeader, check_model
from drl.records.card import Card, read_card
from drl.records.inputs import check_inputs
from drl.records.metrics import read_each, read_metrics
from drl.records.model_folder import training_card


@dataclass(frozen=True)
class ModelFacts:
    """The header of a model, with the run cards and metrics that belong to it.

    Attributes:
        header: Header of the model file.
        code_size: Number of entries of a code; None if there are no codes.
        depends_on_t: Whether codes depend on t.
        parameters: Trainable parameters by part.
        training: Run card of the training; None if there is none.
        data: Run card of the images; None if there is none.
        accuracy: Test accuracy of probes in percent, mean over probe seeds, by number of labels and t.
        chosen_t: The t chosen on validation images for the probes with the most labels.
        code_usage: Increase of the denoising loss in percent if the denoiser gets the code of another image, by t, at
            the last measurement.
    """

    header: ModelHeader
    code_size: int | None
    depends_on_t: bool
    parameters: Mapping[str, int]
    training: Card | None = None
    data: Card | None = None
    accuracy: Mapping[int, Mapping[float, float]] = field(default_factory=dict)
    chosen_t: float | None = None
    code_usage: Mapping[float, float] = field(default_factory=dict)

    @classmethod
    def read(cls, model: Path, metrics: Sequence[Path] = ()) -> ModelFacts:
        """Read a model's header, and the run cards and metrics that belong to it.

        Args:
            model: A model.safetensors.
            metrics: Files of its probe metrics; if empty, the file at its usual place in the model's results, if any.

        Raises:
            UserError: If the file is not a complete model, or metrics are of another model or not as they were made.
        """
        found, method = check_model(model)
        about, results = found.about, _results_of(model)
        usual = results / "metrics" / "probe" / about.dataset / about.recipe / f"seed{about.seed}.csv"
        paths = metrics or ([usual] if usual.is_file() else [])
        check_inputs([*paths, model.parent / "code_usage.csv"])
        rows = _probes(paths, about, needed=bool(metrics))
        coded = method.code_part is not None
        return cls(
            found,
            method.code_size if coded else None,
            coded and method.codes_see_time and not isinstance(found.recipe.method, SupervisedSettings),
            parameters(method),
            _card(training_card(model), vars(about)),
            _card(results / "data" / about.dataset / "images.safetensors.json", {"dataset": about.dataset}),
            *_measured(rows, model.parent / "code_usage.csv", about),
        )


def _results_of(model: Path) -> Path:
    """Return results/<scale> of results/<scale>/models/<dataset>/<recipe>/seed<k>/model.safetensors."""
    above = Path(os.path.realpath(model)).parents
    return above[4] if len(above) > 4 and above[3].name == "models" else model.parent


def _card(path: Path, about: Mapping[str, Any]) -> Card | None:
    """Return a run card; None if there is none, or if it is of another model or other images."""
    try:
        card = read_card(path)
    except UserError:
        return None
    return card if all(card.fact(key) == value for key, value in about.items()) else None


def _of(row: Mapping[str, str], about: About) -> bool:
    return all(row[key] == str(value) for key, value in vars(about).items())


def _probes(paths: Sequence[Path], about: About, needed: bool) -> list[dict[str, str]]:
    rows = []
    for path, found in read_each(paths):
        own = [row for row in found if row["study"] == "probe" and _of(row, about)]
        if needed and not own:
            raise UserError(
                f"{path}: contains no probes of {about.recipe} on {about.dataset}, seed {about.seed}, scale "
                f"{about.scale}; give those of this model"
            )
        rows += own
    return rows


def _measured(
    rows: Sequence[Mapping[str, str]], usage: Path, about: About
) -> tuple[dict[int, dict[float, float]], float | None, dict[float, float]]:
    """Return accuracies, the chosen t and code usage.

    Raises:
        UserError: If rows are incomplete or invalid.
    """
    try:
        return _accuracy(rows), _chosen(rows), _usage(usage, about)
    except (KeyError, ValueError, ArithmeticError) as error:
        raise UserError(
            f"the metrics of {about.recipe} on {about.dataset}, seed {about.seed}, or {usage} are not as drl wrote "
            "them; remove them and run the jobs that make them"
        ) from error


def _accuracy(rows: Sequence[Mapping[str, str]]) -> dict[int, dict[float, float]]:
    cells: dict[int, dict[float, list[float]]] = {}
    for row in rows:
        if row["metric"] == "test_accuracy" and not row["arm"]:
            cells.setdefault(int(row["labels"]), {}).setdefault(float(row["t"]), []).append(float(row["value"]))
    return {labels: {t: fmean(values) for t, values in over_t.items()} for labels, over_t in cells.items()}


def _chosen(rows: Sequence[Mapping[str, str]]) -> float | None:
    chosen = [row for row in rows if row["arm"] == "chosen" and row["metric"] == "val_accuracy"]
    return float(max(chosen, key=lambda row: int(row["labels"]))["t"]) if chosen else None


def _usage(path: Path, about: About) -> dict[float, float]:
    if not path.is_file():
        return {}
    rows = [row for row in read_metrics(path) if _of(row, about)]
    last = max((int(row["step"]) for row in rows), default=0)
    losses = {(row["metric"], float(row["t"])): float(row["value"]) for row in rows if int(row["step"]) == last}
    times = sorted({t for _, t in losses})
    found = {t: 100 * (losses["loss_other_code", t] / losses["loss_own_code", t] - 1) for t in times}
    if not all(map(math.isfinite, found.values())):
        raise ValueError("a share that is not finite")
    return found
