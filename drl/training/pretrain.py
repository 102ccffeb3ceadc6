"""`drl pretrain`: train one recipe on one dataset with one seed, and write a model file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from drl.config.jobs import PretrainJob
from drl.config.recipes import Recipe
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.jobs.device import Placement, network_channels, place_job
from drl.jobs.job import Job
from drl.methods.base import ImageFacts, Method
from drl.methods.build import build_method
from drl.models.model_file import About, save_model, save_snapshots, start_from
from drl.records.inputs import check_inputs
from drl.records.metrics import write_metrics
from drl.training.loop import Training
from drl.training.run import train_job
from drl.training.seeds import stream_seed


def run(job: Job[PretrainJob]) -> None:
    """Train, and write `out` (model.safetensors) with snapshots.safetensors, two CSV files and the run card beside it.

    Args:
        job: Its inputs are `images` and, for a recipe with `start_from`, `start`: the model to start from.

    Raises:
        UserError: Bad input, a damaged state, a state of another job, or a loss that is not finite.
        drl.errors.Unfinished: Stopped at a time limit or by a signal; the same command continues.
    """
    began, recipe, seed, resources = time.monotonic(), job.settings.recipe, int(job.about["seed"]), job.resources
    images, start = job.input("images"), _start(job)
    inputs = check_inputs([images, *([] if start is None else [start])])
    placement = place_job(resources, network_channels(recipe), recipe.iterations)
    store = ImageStore.open(images, placement.device)
    if store.name != job.about["dataset"]:
        raise UserError(f"{job.title}: {images} holds {store.name!r}; give the images of {job.about['dataset']!r}")
    method = _fresh(recipe, store, seed, placement)
    averages: Mapping[str, Tensor] = {}
    if start is not None:
        if not start.is_file():
            raise UserError(
                f"{job.title}: there is no {start} to start from; make it (drl convert for a published checkpoint, "
                "or drl pretrain), or name another recipe in the items that use this one"
            )
        averages = start_from(start, method)
    if recipe.freeze == "encoder":
        method.code_network().requires_grad_(False)
    training = Training(method, store, placement, job.settings, seed)
    if recipe.iterations == 0:
        # Nothing is trained or averaged, so samples use the averages of the model that this one starts from.
        for (key, _), shadow in zip(method.named_parameters(), training.average.shadow, strict=True):
            if key in averages:
                shadow.copy_(averages[key])
    train_job(
        job,
        training,
        placement,
        inputs,
        began,
        # The curves of an unfinished training can then be watched, and the cause of a failure be found.
        on_save=lambda folder: _write_curves(job, training, folder),
        write=lambda: _write(job, training),
    )


def _start(job: Job[PretrainJob]) -> Path | None:
    wanted = job.settings.recipe.start_from
    if wanted is None:
        return None
    if not job.inputs.get("start"):
        raise UserError(f"{job.title}: this recipe starts from a model of {wanted!r}; give its file as start")
    return job.input("start")


def _fresh(recipe: Recipe, store: ImageStore, seed: int, placement: Placement) -> Method:
    facts = ImageFacts(store.images.shape[1], store.images.shape[2], len(store.classes))
    torch.manual_seed(stream_seed(seed, "weights"))
    # Weights are drawn on the CPU, so that they do not depend on the device.
    return build_method(recipe, facts, store.mean.cpu(), store.std.cpu()).to(placement.device)


def _write(job: Job[PretrainJob], training: Training) -> list[Path]:
    about = About.of(job.about)
    averages = dict(zip((key for key, _ in training.method.named_parameters()), training.average.shadow, strict=True))
    save_model(job.out, training.method, averages, about)
    snapshots = job.out.parent / "snapshots.safetensors"
    save_snapshots(snapshots, training.method, training.snapshots, about)
    return [job.out, snapshots, *_write_curves(job, training, job.out.parent)]


def _write_curves(job: Job[PretrainJob], training: Training, folder: Path) -> list[Path]:
    shared = {**job.about, "study": job.study}
    files = [folder / "loss.csv", folder / "code_usage.csv"]
    for path, of_usage in zip(files, (False, True), strict=True):
        write_metrics(path, ({**shared, **row} for row in training.rows if ("t" in row) == of_usage))
    return files
