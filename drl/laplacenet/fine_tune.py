"""`drl fine-tune`: fine-tune one arm on one dataset with a given number of labels, split and seed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from drl.config.jobs import FineTuneJob
from drl.data.store import FILES_CSV, ImageStore
from drl.errors import UserError
from drl.jobs.device import Placement, place_job
from drl.jobs.job import Job
from drl.laplacenet.classifier import build, save_classifier, take_encoder
from drl.laplacenet.fine_tuning import FineTuner
from drl.laplacenet.image_split import ImageSplit
from drl.methods.base import ImageFacts
from drl.records.inputs import check_inputs
from drl.records.metrics import write_metrics
from drl.records.right import RIGHT, write_measured
from drl.training.run import train_job


def run(job: Job[FineTuneJob]) -> None:
    """Fine-tune, and write `out` (a CSV, one row per metric and epoch) with the classifier and the run card beside it.

    Args:
        job: Its inputs are `images` and, for an arm that starts from a pretrained model, `model`.

    Raises:
        UserError: Bad input, a damaged state, a state of another job, or a loss that is not finite.
        drl.errors.Unfinished: Stopped at a time limit or by a signal; the same command continues.
    """
    began, settings, resources = time.monotonic(), job.settings, job.resources
    images, model = job.input("images"), job.input("model") if job.inputs.get("model") else None
    # On a CPU, bf16 is faster if the network is at least as wide as the paper's.
    # Compiling is slower on a CPU, and was not measured on a GPU.
    placement = place_job(resources, 8 * settings.network.encoder.width)
    inputs = check_inputs([images, images.parent / FILES_CSV, *([] if model is None else [model])])
    store = ImageStore.open(images, placement.device)
    if store.name != job.about["dataset"]:
        raise UserError(f"{job.title}: {images} contains {store.name!r}; give the images of {job.about['dataset']!r}")
    wanted = settings.arm.model
    if (wanted is None) != (model is None):
        what = f"starts from a model of {wanted!r}; give it" if wanted else "starts from new weights; give no model"
        raise UserError(f"{job.title}: this arm {what}")
    try:
        taken, tuner = _prepare(job, store, placement, model)
    except UserError as error:
        raise UserError(f"{job.title}: {error}") from error
    train_job(
        job,
        tuner,
        placement,
        inputs,
        began,
        on_save=lambda folder: _write_progress(job, tuner, folder / "unfinished.csv"),
        write=lambda: _write(job, tuner),
        recipe=wanted,
        taken_from_model=taken,
        epochs=tuner.epochs,
        labelled_images=tuner.split.labelled.tolist(),
    )


def _prepare(
    job: Job[FineTuneJob], store: ImageStore, placement: Placement, model: Path | None
) -> tuple[list[str], FineTuner]:
    """Return the names of the weights that were taken from the model, and the fine-tuning before its first step."""
    settings, seed = job.settings, int(job.about["seed"])
    facts = ImageFacts(store.images.shape[1], store.images.shape[2], len(store.classes))
    network = build(settings.network, facts, seed)
    taken: list[str] = []
    if model is not None:
        taken, about = take_encoder(network, model, store.name, settings.network)
        if (about.recipe, about.seed) != (settings.arm.model, seed):
            raise UserError(
                f"{model} has recipe {about.recipe!r}, seed {about.seed}, not {settings.arm.model!r}, "
                f"seed {seed}; give that one, or set arms.{job.about['arm']}.model"
            )
    split = ImageSplit.of(store, settings, int(job.about["split"]))
    return taken, FineTuner(network.to(placement.device), store, split, placement, settings, seed)


def _write(job: Job[FineTuneJob], tuner: FineTuner) -> list[Path]:
    table, *bits = write_measured(job.out, _rows(job, tuner))
    weights = job.out.with_suffix(".safetensors")
    save_classifier(weights, tuner.network, job.settings.network, tuner.store)
    return [table, weights, *bits]


def _rows(job: Job[FineTuneJob], tuner: FineTuner) -> list[dict[str, Any]]:
    shared = {**job.about, "study": job.study, "recipe": job.settings.arm.model or ""}
    return [{**shared, **row} for row in tuner.rows]


def _write_progress(job: Job[FineTuneJob], tuner: FineTuner, path: Path) -> None:
    """Write the numbers so far beside a saved state, for people to look at."""
    rows = _rows(job, tuner)
    write_metrics(path, [{name: value for name, value in row.items() if name != RIGHT} for row in rows])
