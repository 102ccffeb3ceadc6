"""Figure 12: silhouettes of the codes of many models of one dataset, computed in one job."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from drl.config.diffusion import SingleTime
from drl.config.jobs import SilhouettesJob
from drl.errors import UserError
from drl.evaluation.codes import extract_codes
from drl.evaluation.geometry import silhouette
from drl.evaluation.measurement import begin, write_results
from drl.jobs.job import Job
from drl.jobs.progress import Reporter
from drl.models.model_file import load_model


def run(job: Job[SilhouettesJob]) -> None:
    """Write one row per model for test images and one for validation images, and the run card.

    The inputs `models` are the files of the models that the settings name, in the same order.

    Raises:
        UserError: If a file is of another model, or was trained on other images or at more than one t, or codes are not
            finite.
    """
    started = time.monotonic()
    rows: list[dict[str, Any]] = []
    digests: dict[Path, str] = {}
    with Reporter("silhouettes", len(job.settings.models), unit="models") as reporter:
        for found in map(begin, _one_by_one(job)):
            times, store, placement = found.header.recipe.times, found.store, found.placement
            digests |= {file: found.digests[file] for file in (found.file, job.input("images"))}
            if not isinstance(times, SingleTime):
                raise UserError(
                    f"{found.file} was not trained at a single t; give models of a recipe with times: single"
                )
            method, noise = load_model(found.file, placement.device), found.noise_seed(None)
            # Validation images choose the best t; without them it cannot be chosen.
            for metric, part in (("silhouette", store.test), ("val_silhouette", store.val)):
                if len(part) == 0:
                    continue
                codes = extract_codes(method, store, part, [times.t], placement, noise_seed=noise)[0]
                value = silhouette(codes, store.labels[part.to(store.labels.device)])
                cells = {"study": job.study, "t": times.t, "metric": metric, "value": value, "n": len(part)}
                rows.append({**vars(found.header.about), **cells})
            reporter.advance()
    write_results(job, rows, digests, placement, time.monotonic() - started, dataset=job.about["dataset"])


def _one_by_one(job: Job[SilhouettesJob]) -> Iterator[Job[SilhouettesJob]]:
    """Yield the job as if it were about one model, for each of them."""
    files, models = job.inputs["models"], job.settings.models
    if not files or len(files) != len(models):
        raise UserError(f"{job.title}: needs one file for each of {len(models)} models, and has {len(files)}")
    for file, (recipe, seed) in zip(files, models, strict=True):
        yield replace(job, about={**job.about, "recipe": recipe, "seed": seed}, inputs={**job.inputs, "model": (file,)})
