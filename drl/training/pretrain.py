"""`drl pretrain`: one recipe on one dataset with one seed, from images to a model file."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from drl.data.store import ImageStore
from drl.errors import UserError
from drl.files import fingerprint
from drl.jobs.completion import Work, sole_job
from drl.jobs.device import Placement, memory_used, network_channels, place
from drl.methods.base import ImageFacts, Method
from drl.methods.build import build_method
from drl.models.model_file import save_model, save_snapshots, start_from
from drl.records.inputs import check_inputs
from drl.records.metrics import write_metrics
from drl.records.run_card import write_card
from drl.training.loop import Training
from drl.training.run import Resources, run, stop_signals
from drl.training.seeds import stream_seed
from drl.training.state import belongs_to


@dataclass(frozen=True)
class Name:
    """Which training this is; the cells that all its rows share."""

    scale: str
    dataset: str
    recipe: str
    seed: int

    def __str__(self) -> str:
        """Return the words of a progress line."""
        return f"{self.recipe} on {self.dataset}, seed {self.seed}"


def pretrain(
    name: Name,
    settings: dict[str, Any],
    images: Path,
    out: Path,
    states: Path,
    code: str,
    resources: Resources,
    start: Path | None = None,
) -> None:
    """Train and write `out` (model.safetensors) with snapshots.safetensors, two CSV files and the run card beside it.

    Args:
        name: Which training.
        settings: drl.pipeline.slices.pretrain.
        images: Prepared images.
        out: The model file.
        states: Folder of the states of unfinished trainings.
        code: Digest of the code, for the card and the state.
        resources: Device, threads and so on.
        start: The model from which a recipe with `start_from` goes on.

    Raises:
        UserError: Bad input, a damaged or foreign state, a loss that is not finite.
        drl.errors.Unfinished: Stopped at a wall-clock budget or by a signal; the same command goes on.
    """
    started = time.monotonic()
    recipe = settings["recipe"]
    start = start if recipe["start_from"] is not None else None
    inputs = check_inputs([images, *([] if start is None else [start])])
    placement = _place(recipe, resources)
    store = ImageStore.open(images, placement.device)
    if store.name != name.dataset:
        raise UserError(f"pretrain {name}: {images} holds {store.name!r}; give the images of {name.dataset!r}")
    method = _fresh(recipe, store, name.seed, placement)
    if recipe["start_from"] is not None:
        if start is None:
            raise UserError(
                f"pretrain {name}: it starts from a model of {recipe['start_from']!r}; give its file as start"
            )
        if not start.is_file():
            raise UserError(
                f"pretrain {name}: there is no {start} to start from; make it (drl convert, of a published checkpoint, "
                "or drl pretrain), or name another recipe in the items that use this one"
            )
        averages = start_from(start, method)
    if recipe["freeze"] == "encoder":
        assert method.encoder is not None
        method.encoder.requires_grad_(False)
    training = Training(method, store, placement, settings, name.seed)
    if recipe["iterations"] == 0:
        # Nothing is trained, so nothing is averaged: samples are drawn from the other's averages.
        for (key, _), shadow in zip(method.named_parameters(), training.average.shadow, strict=True):
            if key in averages:
                shadow.copy_(averages[key])
    mark = fingerprint(vars(name), settings, code, *inputs.values())
    work = Work(f"pretrain {name}", out, states / mark, settings, code, inputs, belongs_to(mark, placement), vars(name))
    minutes = resources.wall_clock_minutes
    with sole_job(work, None if minutes is None else started + 60 * minutes) as done:
        if not done:
            _train(name, work, training, resources, placement, started)


def _train(
    name: Name, work: Work, training: Training, resources: Resources, placement: Placement, started: float
) -> None:
    try:
        with stop_signals() as stopped:
            ran = run(
                training,
                work.title,
                work.state_file,
                work.owner,
                resources.save_minutes,
                resources.wall_clock_minutes,
                lambda: bool(stopped),
                # So that a long training can be watched, and one that failed be understood.
                lambda folder: _write_curves(name, training, folder),
                began=started,
            )
    except UserError as error:
        raise UserError(f"pretrain {name}: {error}") from error
    outputs = _write(name, training, work.out)
    write_card(
        "pretrain",
        outputs,
        work.settings,
        work.code,
        inputs=work.inputs,
        **vars(name),
        **placement.describe(),
        seconds=round(ran.earlier_seconds + time.monotonic() - started, 2),
        images_per_second=round(ran.images_per_second, 1),
        **memory_used(placement.device),
    )


def _place(recipe: dict[str, Any], resources: Resources) -> Placement:
    channels = network_channels(recipe)
    return place(resources.device, resources.precision, resources.compile, resources.threads, channels)


def _fresh(recipe: dict[str, Any], store: ImageStore, seed: int, placement: Placement) -> Method:
    facts = ImageFacts(store.images.shape[1], store.images.shape[2], len(store.classes))
    torch.manual_seed(stream_seed(seed, "weights"))
    # Weights are drawn on the CPU, so that they do not depend on the device.
    return build_method(recipe, facts, store.mean.cpu(), store.std.cpu()).to(placement.device)


def _write(name: Name, training: Training, out: Path) -> list[Path]:
    averages = dict(zip((key for key, _ in training.method.named_parameters()), training.average.shadow, strict=True))
    save_model(out, training.method, averages, vars(name))
    snapshots = out.parent / "snapshots.safetensors"
    save_snapshots(snapshots, training.method, training.snapshots, vars(name))
    return [out, snapshots, *_write_curves(name, training, out.parent)]


def _write_curves(name: Name, training: Training, folder: Path) -> list[Path]:
    shared = {**vars(name), "study": "pretrain"}
    files = [folder / "loss.csv", folder / "code_usage.csv"]
    for path, of_usage in zip(files, (False, True), strict=True):
        write_metrics(path, ({**shared, **row} for row in training.rows if ("t" in row) == of_usage))
    return files
