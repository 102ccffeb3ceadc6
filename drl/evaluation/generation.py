"""Common code of studies that draw samples: loading a model, resumable sampling, pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from drl.evaluation.measurement import Measurement, begin
from drl.evaluation.sampling import Wanted, draw, grid_of, sampler_of, steps_by_batch
from drl.evaluation.saved_samples import SavedSamples, seconds_saved
from drl.evaluation.where import Where
from drl.files import fingerprint
from drl.jobs.device import network_channels, place
from drl.jobs.progress import Reporter
from drl.methods.score_matching import ScoreMatching
from drl.models.model_file import load_model


@dataclass(frozen=True)
class Generation:
    """A study of a model's samples in progress.

    Attributes:
        found: The model, its images, and where to compute.
        method: The model, loaded.
        settings: The job's settings; `sampler` is the recipe's.
        where: Device, threads, states.
        code: Digest of the code.
    """

    found: Measurement
    method: ScoreMatching
    settings: dict[str, Any]
    where: Where
    code: str

    @property
    def seed(self) -> int:
        """The model's seed, from which the seeds of its samples are derived."""
        return int(self.found.about["seed"])

    def samples(self, wanted: Sequence[Wanted], z: Tensor | None = None, uniform: str = "per_pixel") -> Tensor:
        """Draw samples with `drl.evaluation.sampling.draw`; an interrupted job continues from its saved state.

        Returns:
            uint8 [N, C, H, W] on the CPU.

        Raises:
            drl.errors.Unfinished: Stopped at the wall-clock budget; the same command continues.
        """
        placement, sampler = self.found.placement, self.settings["sampler"]
        size = self.where.batch
        steps = steps_by_batch(self.method, sampler, wanted, placement, size)
        saved = SavedSamples(self._folder, placement, self.where, self.found.started, len(steps))
        journal = saved.journal()
        title = f"{self.found.study.replace('_', ' ')}, {len(wanted)} samples"
        before = sum(steps[: len(journal.done)])
        if journal.part is not None:
            before += journal.part.step - (grid_of(self.method, sampler).steps - steps[len(journal.done)])
        with Reporter(title, sum(steps), before, unit="steps") as reporter:
            return draw(self.method, sampler, wanted, placement, z, uniform, lambda: reporter.advance(), journal, size)

    def write(self, out: Path, rows: Iterable[Mapping[str, Any]], more: Sequence[Path] = ()) -> None:
        """Call `Measurement.write`, and delete the saved batches of an interrupted job only after that."""
        minutes = self.where.wall_clock_minutes
        until = None if minutes is None else self.found.started + 60 * minutes
        # Read this before new samples are drawn and saved.
        earlier = seconds_saved(self._folder)
        self.found.write(out, rows, self.settings, self.code, more, self._folder, until, earlier)

    @cached_property
    def _folder(self) -> Path:
        found = self.found
        # Codes come from the images, so other images give other samples.
        content = found.store.facts["sha256"]
        return self.where.states / fingerprint(
            found.study, found.about, self.settings, self.code, found.inputs[found.model], content
        )


def begin_generation(
    study: str,
    model: Path,
    images: Path,
    settings: dict[str, Any],
    code: str,
    where: Where,
    expected: dict[str, Any] | None,
) -> Generation:
    """Open a model that can be sampled from, and its images.

    Args:
        study: Its name.
        model: The model file.
        images: The prepared images it was trained on.
        settings: The job's settings.
        code: Digest of the code.
        where: Device, threads, states.
        expected: What the model's header must say, such as its recipe and seed.

    Raises:
        UserError: As `begin`, and if the model has no score network.
    """
    found = begin(study, model, images, where.device, where.precision, where.threads, expected)
    channels = network_channels(found.recipe)
    found = replace(found, placement=place(where.device, where.precision, where.compile, where.threads, channels))
    method = sampler_of(load_model(model, found.placement.device))
    return Generation(found, method, settings, where, code)
