"""Common code of all measurements of a model: its images, the images that keep their labels, the results."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from drl.data.splits import label_subset
from drl.data.store import FILES_CSV, ImageStore
from drl.errors import UserError
from drl.evaluation.codes import check_images
from drl.jobs.completion import Work, sole_job
from drl.jobs.device import Placement, memory_used, network_channels, place
from drl.methods.base import ImageFacts
from drl.models.model_file import header
from drl.records.inputs import check_inputs
from drl.records.metrics import write_metrics
from drl.records.run_card import write_card
from drl.training.state import belongs_to


@dataclass(frozen=True)
class Measurement:
    """A measurement of one model in progress.

    Attributes:
        study: Name of the study, which is also the command in the run card.
        model: The model file, or the snapshots of a model.
        images: The prepared images.
        about: Scale, dataset, recipe and seed of the model, from its header; these cells are equal in all rows.
        recipe: The model's resolved recipe.
        store: The images, on the device.
        placement: Where to compute.
        started: Start time in seconds of time.monotonic.
        inputs: SHA-256 of the files that it reads.
    """

    study: str
    model: Path
    images: Path
    about: dict[str, Any]
    recipe: dict[str, Any]
    store: ImageStore
    placement: Placement
    started: float
    inputs: dict[Path, str]

    def labelled(self, candidates: Tensor, budget: int, seed: int, label_list: str | None) -> Tensor:
        """Return the indices of the images that keep their labels, int64 [budget].

        Args:
            candidates: Indices to choose from.
            budget: Number of labels.
            seed: Seed of the choice; with label lists, the number of the split.
            label_list: Folder of label lists; None chooses at random, balanced over classes.

        Raises:
            UserError: If a class has too few images, or a label list is wrong.
        """
        subset = label_subset(
            self.store.labels.cpu().numpy(),
            budget,
            seed,
            candidates=candidates.numpy(),
            label_list_folder=label_list,
            files=self.store.training_files() if label_list else None,
            classes=self.store.classes,
        )
        return torch.from_numpy(subset)

    def noise_seed(self, protocol: Mapping[str, Any]) -> int | None:
        """Return the seed of the noise on the images to encode; None if they are encoded without noise.

        Args:
            protocol: Its `dae_input` is clean or noisy and applies only to DAE: codes of other methods are by
                definition those of clean images, and a generator would make VDRL sample its code.
        """
        noisy = protocol.get("dae_input") == "noisy" and self.recipe["method"]["kind"] == "dae"
        return int(self.about["seed"]) if noisy else None

    def write(
        self,
        out: Path,
        rows: Iterable[Mapping[str, Any]],
        settings: dict[str, Any],
        code: str,
        more: Sequence[Path] = (),
        state: Path | None = None,
        until: float | None = None,
        earlier_seconds: float = 0.0,
    ) -> None:
        """Compute the rows, and write them and the run card, unless another process has just done so.

        Args:
            out: Path of the CSV file.
            rows: Cells that differ between rows; iterating over them may do all the work.
            settings: The job's settings, for the run card.
            code: Digest of its code, for the run card.
            more: Other files that are written while the rows are computed.
            state: Folder of the state of the computation; deleted when everything is written.
            until: Time at which to stop waiting for another process, in seconds of time.monotonic.
            earlier_seconds: Time that interrupted processes took, for the run card.

        Raises:
            UserError: An error from computing the rows, with the model's name in front.
            drl.errors.Unfinished: If waiting for another process took too long.
        """
        owner = belongs_to("" if state is None else state.name, self.placement)
        work = Work(_named(self.study, self.about), out, state, settings, code, self.inputs, owner, self.about)
        with sole_job(work, until) as done:
            if not done:
                self._write(work, rows, more, earlier_seconds)

    def _write(
        self, work: Work, rows: Iterable[Mapping[str, Any]], more: Sequence[Path], earlier_seconds: float
    ) -> None:
        try:
            made = [{**self.about, "study": self.study, **row} for row in rows]
        except UserError as error:
            raise UserError(f"{work.title}: {error}") from error
        write_metrics(work.out, made)
        write_card(
            self.study,
            [work.out, *more],
            work.settings,
            work.code,
            inputs=self.inputs,
            **self.about,
            **self.placement.describe(),
            seconds=round(earlier_seconds + time.monotonic() - self.started, 2),
            **memory_used(self.placement.device),
        )


def begin(
    study: str,
    model: Path,
    images: Path,
    device: str,
    precision: str,
    threads: int | None,
    expected: Mapping[str, Any] | None,
) -> Measurement:
    """Open a model's images, and check that they and the model are what was asked for.

    Args:
        study: Its name.
        model: The model file, or the snapshots of one.
        images: The prepared images it was trained on.
        device: auto, cpu or cuda.
        precision: auto, fp32 or bf16.
        threads: CPU threads; None leaves torch's own choice.
        expected: What the model's header must say, such as its recipe and seed.

    Raises:
        UserError: If a file is not as it was made, the model another one than expected, or trained on other images.
    """
    started = time.monotonic()
    inputs = check_inputs([model, images, images.parent / FILES_CSV])
    found = header(model)
    about = found["about"]
    for key, wanted in (expected or {}).items():
        if about[key] != wanted:
            raise UserError(f"{model} has {key} {about[key]!r}, not {wanted!r}; give the right model, or pretrain it")
    placement = place(device, precision, "off", threads, network_channels(found["recipe"]))
    store = ImageStore.open(images, placement.device)
    if store.name != about["dataset"]:
        raise UserError(f"{model} was trained on dataset {about['dataset']!r} but {images} contains {store.name!r}")
    try:
        check_images(ImageFacts(**found["facts"]), store)
    except UserError as error:
        raise UserError(f"{_named(study, about)}: {error}") from error
    return Measurement(study, model, images, about, found["recipe"], store, placement, started, inputs)


def without(indices: Tensor, left_out: Tensor) -> Tensor:
    """Return the `indices` (int64 [N]) that are not in `left_out`, in the same order."""
    return indices[~torch.isin(indices, left_out)]


def _named(study: str, about: Mapping[str, Any]) -> str:
    return f"{study.replace('_', '-')} {about['recipe']} on {about['dataset']}, seed {about['seed']}"
