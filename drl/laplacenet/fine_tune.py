"""`drl fine-tune`: fine-tune one arm on one dataset with a given number of labels, split and seed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from drl.data.splits import label_subset
from drl.data.store import FILES_CSV, ImageStore
from drl.errors import UserError
from drl.files import fingerprint
from drl.jobs.completion import Work, sole_job
from drl.jobs.device import Placement, memory_used, place
from drl.laplacenet.classifier import build, save_classifier, take_encoder
from drl.laplacenet.fine_tuning import FineTuning, Parts
from drl.methods.base import ImageFacts
from drl.records.inputs import check_inputs
from drl.records.metrics import write_metrics
from drl.records.run_card import write_card
from drl.training.run import Resources, run, stop_signals
from drl.training.state import belongs_to


@dataclass(frozen=True)
class Run:
    """Identifies a fine-tuning, by the cells that all its rows share."""

    scale: str
    dataset: str
    arm: str
    labels: int
    split: int
    seed: int

    def __str__(self) -> str:
        """Return the text for a progress line."""
        return f"{self.arm} on {self.dataset}, {self.labels} labels, split {self.split}, seed {self.seed}"


def fine_tune(
    name: Run,
    settings: dict[str, Any],
    images: Path,
    out: Path,
    states: Path,
    code: str,
    resources: Resources,
    model: Path | None = None,
) -> None:
    """Fine-tune, and write `out` (a CSV) with the classifier and the run card beside it.

    Args:
        name: Which fine-tuning.
        settings: drl.pipeline.slices.fine_tune.
        images: Prepared images.
        out: The CSV file, a row a metric and outer epoch.
        states: Folder of the states of unfinished jobs.
        code: Digest of the code, for the card and the state.
        resources: Device, threads and so on.
        model: The pretrained model of an arm that has one.

    Raises:
        UserError: Bad input, a damaged or foreign state, a loss that is not finite.
        drl.errors.Unfinished: Stopped at a wall-clock budget or by a signal; the same command goes on.
    """
    started = time.monotonic()
    title = f"fine-tune {name}"
    encoder = settings["network"]["encoder"]
    # On a CPU, bf16 is faster from the paper's width on. Compiling is slower on a CPU and not measured on a GPU.
    placement = place(resources.device, resources.precision, "off", resources.threads, 8 * encoder["width"])
    inputs = check_inputs([images, images.parent / FILES_CSV, *([model] if model else [])])
    store = ImageStore.open(images, placement.device)
    if store.name != name.dataset:
        raise UserError(f"{title}: {images} contains {store.name!r}; give the images of {name.dataset!r}")
    wanted = settings["arm"]["model"]
    if (wanted is None) != (model is None):
        what = f"starts from a model of {wanted!r}; give it" if wanted else "starts from new weights; give no model"
        raise UserError(f"{title}: this arm {what}")
    try:
        taken, training = _prepare(name, settings, store, placement, model)
    except UserError as error:
        raise UserError(f"{title}: {error}") from error
    mark = fingerprint(vars(name), settings, code, *inputs.values())
    work = Work(title, out, states / mark, settings, code, inputs, belongs_to(mark, placement), vars(name))
    minutes = resources.wall_clock_minutes
    with sole_job(work, None if minutes is None else started + 60 * minutes) as done:
        if not done:
            _train(name, work, training, taken, resources, placement, started)


def _train(
    name: Run,
    work: Work,
    training: FineTuning,
    taken: list[str],
    resources: Resources,
    placement: Placement,
    started: float,
) -> None:
    title, settings = work.title, work.settings
    try:
        with stop_signals() as stopped:
            ran = run(
                training,
                title,
                work.state_file,
                work.owner,
                resources.save_minutes,
                resources.wall_clock_minutes,
                lambda: bool(stopped),
                lambda folder: _write(name, settings, training, folder / "unfinished.csv"),
                began=started,
            )
    except UserError as error:
        raise UserError(f"{title}: {error}") from error
    _write(name, settings, training, work.out)
    weights = work.out.with_suffix(".safetensors")
    save_classifier(weights, training.network, settings["network"], training.store)
    write_card(
        "fine_tune",
        [work.out, weights],
        settings,
        work.code,
        inputs=work.inputs,
        **vars(name),
        **placement.describe(),
        recipe=settings["arm"]["model"],
        taken_from_model=taken,
        epochs=training.epochs,
        labelled_images=training.parts.labelled.tolist(),
        seconds=round(ran.earlier_seconds + time.monotonic() - started, 2),
        images_per_second=round(ran.images_per_second, 1),
        **memory_used(placement.device),
    )


def _prepare(
    name: Run, settings: dict[str, Any], store: ImageStore, placement: Placement, model: Path | None
) -> tuple[list[str], FineTuning]:
    facts = ImageFacts(store.images.shape[1], store.images.shape[2], len(store.classes))
    network = build(settings["network"], facts, name.seed)
    taken: list[str] = []
    if model is not None:
        taken, about = take_encoder(network, model, name.dataset, settings["network"])
        if (about["recipe"], about["seed"]) != (settings["arm"]["model"], name.seed):
            raise UserError(
                f"{model} has recipe {about['recipe']!r}, seed {about['seed']}, not {settings['arm']['model']!r}, "
                f"seed {name.seed}; give that one, or set arms.{name.arm}.model"
            )
    parts = split(store, settings, name.split)
    return taken, FineTuning(network.to(placement.device), store, parts, placement, settings, name.seed)


def split(store: ImageStore, settings: dict[str, Any], number: int) -> Parts:
    """Choose the images that keep their labels, and hold out validation images if something is chosen on them.

    Args:
        store: The images.
        settings: drl.pipeline.slices.fine_tune.
        number: The split: seed of the choice, or number of the label list.

    Raises:
        UserError: If a class has too few images, or a label list is wrong.
    """
    held_out = store.val if settings["fine_tune"]["select"] == "best_val" else store.val[:0]
    candidates = store.train[~torch.isin(store.train, held_out)]
    lists = settings["label_list"]
    labelled = torch.from_numpy(
        label_subset(
            store.labels.cpu().numpy(),
            settings["labels"],
            number,
            candidates=candidates.numpy(),
            label_list_folder=lists,
            files=store.training_files() if lists else None,
            classes=store.classes,
        )
    )
    others = candidates[~torch.isin(candidates, labelled)]
    return Parts(labelled, others, held_out, store.test)


def _write(name: Run, settings: dict[str, Any], training: FineTuning, out: Path) -> None:
    shared = {**vars(name), "study": "fine_tune", "recipe": settings["arm"]["model"] or ""}
    write_metrics(out, ({**shared, **row} for row in training.rows))
