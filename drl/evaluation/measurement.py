"""The parts shared by all measurements of a model: the model, its images and labels, and writing the results."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

import torch
from torch import Tensor

from drl.config.jobs import DaeInput
from drl.data.splits import label_subset
from drl.data.store import FILES_CSV, ImageStore
from drl.errors import UserError
from drl.evaluation.codes import check_images
from drl.jobs.completion import JobFiles, sole_job
from drl.jobs.device import Placement, memory_used, network_channels, place_job
from drl.jobs.job import Job, S
from drl.models.model_file import ModelHeader, header
from drl.records.inputs import check_inputs
from drl.records.right import write_measured
from drl.records.run_card import write_card
from drl.training.state import belongs_to


@dataclass(frozen=True)
class Measurement(Generic[S]):
    """A measurement of one model that has begun.

    Attributes:
        job: What is to be measured, and where to compute.
        file: The model file, or the snapshots of one.
        header: What the file says of the model; `header.about` gives the cells that all rows share.
        store: The images, on the device.
        placement: Where to compute.
        started: When it began, in seconds of time.monotonic.
        digests: SHA-256 of the files that it reads.
    """

    job: Job[S]
    file: Path
    header: ModelHeader
    store: ImageStore
    placement: Placement
    started: float
    digests: dict[Path, str]

    @property
    def seed(self) -> int:
        """The model's seed."""
        return self.header.about.seed

    def labelled(self, candidates: Tensor, budget: int, seed: int, label_list: str | None = None) -> Tensor:
        """Return the images that keep their labels, int64 positions [budget].

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

    def noise_seed(self, dae_input: DaeInput | None) -> int | None:
        """Return the seed of the noise on the encoded images; None if they are encoded without noise.

        Only score features, whose codes are of x_t by definition, and DAE get noisy images. Other methods encode clean
        images by definition, and a generator would make VDRL sample its code.

        Args:
            dae_input: Whether DAE gets noisy images.
        """
        method = self.header.recipe.method
        noisy = method.noisy_codes or (dae_input == "noisy" and method.kind == "dae")
        return self.seed if noisy else None

    def kept(self) -> tuple[Path | None, float | None, float]:
        """Return where the job keeps a state, until when it waits for another process, and the seconds spent before."""
        return None, None, 0.0

    def write(self, rows: Iterable[Mapping[str, Any]], more: Sequence[Path] = ()) -> None:
        """Compute the rows, and write them and the run card, unless another process has just done so.

        Args:
            rows: Cells that differ between rows; computing them may be all of the work.
            more: Other files that are written while the rows are computed.

        Raises:
            UserError: An error from computing the rows, with the job's title before its message.
        """
        job, about = self.job, vars(self.header.about)
        # Asked before the rows are made, which may save a state anew.
        state, until, earlier_seconds = self.kept()
        owner = belongs_to("" if state is None else state.name, self.placement)
        files = JobFiles(job.title, job.out, state, job.settings.slice(), job.code_digest, self.digests, owner, about)
        with sole_job(files, until) as done:
            if done:
                return
            try:
                made = [{**about, "study": job.study, **row} for row in rows]
            except UserError as error:
                raise UserError(f"{job.title}: {error}") from error
            seconds = earlier_seconds + time.monotonic() - self.started
            write_results(job, made, self.digests, self.placement, seconds, more, **about)


def begin(job: Job[S], passes: int | None = None) -> Measurement[S]:
    """Open a model's images, and check that they and the model belong to the job.

    Args:
        job: Its inputs are `model` or `snapshots`, and `images`.
        passes: How often the score network is run, for `place_job`; None: it is not.

    Raises:
        UserError: If a file is not as it was made, the model another one than the job's, or trained on other images.
    """
    started, resources = time.monotonic(), job.resources
    file, images = job.input("snapshots" if job.inputs.get("snapshots") else "model"), job.input("images")
    digests = check_inputs([file, images, images.parent / FILES_CSV])
    found = header(file)
    for key in ("dataset", "recipe", "seed"):
        said, wanted = getattr(found.about, key), job.about[key]
        if said != wanted:
            raise UserError(f"{file} is of {key} {said!r}, not {wanted!r}; give the right model, or pretrain it")
    placement = place_job(resources, network_channels(found.recipe), passes)
    store = ImageStore.open(images, placement.device)
    if store.name != found.about.dataset:
        raise UserError(f"{file} was trained on dataset {found.about.dataset!r} but {images} holds {store.name!r}")
    try:
        check_images(found.facts, store)
    except UserError as error:
        raise UserError(f"{job.title}: {error}") from error
    return Measurement(job, file, found, store, placement, started, digests)


def write_results(
    job: Job[S],
    rows: Iterable[Mapping[str, Any]],
    digests: Mapping[Path, str],
    placement: Placement,
    seconds: float,
    more: Sequence[Path] = (),
    **facts: Any,
) -> None:
    """Write a job's metrics and its run card.

    Args:
        job: The job.
        rows: All cells of all rows; see drl.records.right.
        digests: SHA-256 of the files that were read.
        placement: Where it was computed.
        seconds: How long that took.
        more: Files that the job has written besides.
        facts: Other facts for the card.
    """
    made = write_measured(job.out, rows)
    write_card(
        job.study,
        [*made, *more],
        job.settings.slice(),
        job.code_digest,
        inputs=digests,
        **facts,
        **placement.describe(),
        seconds=round(seconds, 2),
        **memory_used(placement.device),
    )


def without(indices: Tensor, left_out: Tensor) -> Tensor:
    """Return the `indices` (int64 [N]) that are not in `left_out`, in the same order."""
    return indices[~torch.isin(indices, left_out)]
