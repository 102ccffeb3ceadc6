"""The parts shared by all studies that draw samples: a model to sample from, and sampling that can be resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from drl.config.sampling import SamplerSettings
from drl.data.mean_image import mean_image
from drl.evaluation.measurement import Measurement, begin
from drl.evaluation.sampling import Uniform, Wanted, draw, grid_of, needs_mean_image, sampler_of, steps_by_batch
from drl.evaluation.saved_samples import SavedSamples, seconds_saved
from drl.files import fingerprint
from drl.jobs.job import Job, S
from drl.jobs.progress import Reporter
from drl.methods.score_matching import ScoreMatching
from drl.models.model_file import load_model


@dataclass(frozen=True)
class Generation(Measurement[S]):
    """A study of a model's samples that has begun.

    Attributes:
        method: The model, loaded.
    """

    method: ScoreMatching

    def samples(
        self,
        sampler: SamplerSettings,
        wanted: Sequence[Wanted],
        z: Tensor | None = None,
        uniform: Uniform = "per_pixel",
    ) -> Tensor:
        """Draw samples as `drl.evaluation.sampling.draw` does; an interrupted job goes on where it was saved.

        The prior `mean_image` takes the mean of the job's own training images.

        Returns:
            uint8 [N, C, H, W] on the CPU.

        Raises:
            drl.errors.Unfinished: Stopped at the wall-clock budget; the same command continues.
        """
        placement, size = self.placement, self.job.resources.sampling_batch
        steps = steps_by_batch(self.method, sampler, wanted, placement, size)
        saved = SavedSamples(self._folder, placement, self.job.resources, self.started, len(steps))
        journal = saved.journal()
        title = f"{self.job.study.replace('_', ' ')}, {len(wanted)} samples"
        before = sum(steps[: len(journal.done)])
        if journal.part is not None:
            before += journal.part.step - (grid_of(self.method, sampler).steps - steps[len(journal.done)])
        with Reporter(title, sum(steps), before, unit="steps") as reporter:
            return draw(
                self.method,
                sampler,
                wanted,
                placement,
                z,
                uniform,
                lambda: reporter.advance(),
                journal,
                size,
                mean_image(self.store) if needs_mean_image(wanted) else None,
            )

    def kept(self) -> tuple[Path | None, float | None, float]:
        """Return the folder of the saved batches, which are given up once the results are written, and so on."""
        minutes = self.job.resources.wall_clock_minutes
        until = None if minutes is None else self.started + 60 * minutes
        return self._folder, until, seconds_saved(self._folder)

    @cached_property
    def _folder(self) -> Path:
        job = self.job
        # Codes come from the images, so that other images mean other samples.
        content = self.store.facts["sha256"]
        model = self.digests[self.file]
        decides = (job.study, vars(self.header.about), job.settings.slice(), job.code_digest, model, content)
        return job.states / fingerprint(*decides)


def begin_generation(job: Job[S], passes: int) -> Generation[S]:
    """Open a model that can be sampled from, and its images.

    Args:
        job: As for `begin`.
        passes: How often the score network will be run.

    Raises:
        UserError: As `begin`, and if the model has no score network.
    """
    found = begin(job, passes)
    return Generation(**vars(found), method=sampler_of(load_model(found.file, found.placement.device)))
