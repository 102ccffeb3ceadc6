"""How many bytes each job leaves on disk, and how many an unfinished one keeps beside them. Pure Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from drl.config.schema import Config
from drl.costs.jobs import DRAW, Job
from drl.costs.work import Amounts
from drl.laplacenet.schedule import Schedule

# Measured on the files of scale demo, bytes: of a row of a CSV, of a run card, of a log with its benchmark file, of a
# tensor in a safetensors header, of a row of an image's name, of an item's SVG, PNG and CSV together.
ROW, CARD, LOG, HEADER, NAME, ITEM = 75, 3000, 1500, 130, 25, 200_000
LOG_ROWS = 200  # of a loss curve (drl.training.loop)
EPOCH_ROWS = 7  # of an outer epoch of fine-tuning
THEORY_ROWS = 30  # of each t of the theory study
CODE = 24  # a row of a file of 2-d codes

SizeOf = Callable[[str, str], Any]  # dataset and recipe -> drl.costs.operations.Size


class Disk:
    """Bytes on disk of the jobs of one configuration."""

    def __init__(self, amounts: Amounts, size_of: SizeOf) -> None:
        """Take the recipes, and what tells the size of one's weights."""
        self.config: Config = amounts.config
        self.amounts, self.size_of = amounts, size_of

    def of(self, job: Job) -> int:
        """Return the bytes of what a job leaves: results, card, log."""
        if job.kind == DRAW:
            return ITEM
        made: int = getattr(self, f"_{job.kind}", self._numbers)(job)
        return made + CARD + LOG

    def state(self, job: Job) -> int:
        """Return the bytes that an unfinished job keeps at most: three of them while it writes one anew."""
        if job.model is not None and job.kind == "pretrain":
            size = self.size_of(job.dataset, job.model.recipe)
            return int(3 * (size.model + 3 * size.trained + self._snapshots(job, size)))
        if job.kind == "fine_tune":
            encoder = self.size_of(job.dataset, self.config.studies.fine_tune.network_of).encoder
            search = self.config.arms[job.run.arm].t_init == "search" if job.run else False
            return int(3 * encoder * (3 if search else 2))
        return self.of(job) if job.kind == "later_start" else 0

    def _images(self, dataset: str) -> tuple[int, int]:
        images = self.config.datasets[dataset]
        return images.train + images.test, images.channels * images.image_size**2

    def _prepare(self, job: Job) -> int:
        count, pixels = self._images(job.dataset)
        return count * (pixels + 2 * 8 + NAME)

    def _snapshots(self, job: Job, size: Any) -> int:
        assert job.model is not None
        iterations = self.amounts.recipe(job.dataset, job.model.recipe)["iterations"]
        kept = min(self.config.studies.learning_speed.snapshots, iterations) + 1 if iterations else 0
        return int(kept * (size.encoder + HEADER * size.encoder_tensors))

    def _pretrain(self, job: Job) -> int:
        assert job.model is not None
        size, usage = self.size_of(job.dataset, job.model.recipe), self.config.studies.code_usage
        iterations = self.amounts.recipe(job.dataset, job.model.recipe)["iterations"]
        rows = 3 * min(LOG_ROWS, iterations) + 3 * usage.times * len(usage.t)
        weights = 2 * (size.model + HEADER * size.tensors)
        return int(weights + self._snapshots(job, size) + ROW * rows)

    def _probe(self, job: Job) -> int:
        protocol = self.config.studies.probe
        arms = len(protocol.label_budgets) + (1 if protocol.trajectory else 0)
        return ROW * arms * 2 * len(protocol.t) * len(protocol.seeds)

    def _latent_grid(self, job: Job) -> int:
        _, pixels = self._images(job.dataset)
        return CODE * self.config.datasets[job.dataset].test + self.config.studies.latent_grid.cells**2 * pixels

    def _one_code(self, job: Job) -> int:
        return self.config.studies.one_code.columns**2 * self._images(job.dataset)[1]

    def _later_start(self, job: Job) -> int:
        cells = self.config.studies.later_start
        return cells.repeats * len(cells.priors) * len(cells.t_init) * cells.images * self._images(job.dataset)[1]

    def _theory(self, job: Job) -> int:
        return ROW * THEORY_ROWS * len(self.config.studies.theory.t)

    def _fine_tune(self, job: Job) -> int:
        assert job.run is not None
        study = self.config.studies.fine_tune
        schedule = Schedule.of(job.run.labels, self.config.datasets[job.dataset].train, study.slice())
        early = self.config.arms[job.run.arm].until == "early"
        size = self.size_of(job.dataset, study.network_of)
        rows = EPOCH_ROWS * (study.early_epoch if early else schedule.epochs)
        return int(size.encoder + HEADER * size.encoder_tensors + ROW * rows)

    def _numbers(self, job: Job) -> int:
        """Return the bytes of a few dozen rows: what all other jobs leave."""
        return 50 * ROW


def largest_states(disk: Disk, jobs: Mapping[str, Job], at_once: int) -> int:
    """Return the bytes that so many unfinished jobs keep at most."""
    return sum(sorted((disk.state(job) for job in jobs.values()), reverse=True)[:at_once])
