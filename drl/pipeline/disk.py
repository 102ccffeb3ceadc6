"""The bytes that each step's jobs leave on disk, and those that an unfinished job also keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from drl.config.datasets import ImageSettings
from drl.config.recipes import Recipe
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.laplacenet.schedule import Schedule
from drl.pipeline.work import Axes

# Bytes, measured on files of scale demo: a row of a CSV, a run card, a log with its benchmark file, a tensor in a
# safetensors header, a row with an image's name, and an item's SVG, PNG and CSV together.
ROW, CARD, LOG, HEADER, NAME, ITEM = 75, 3000, 1500, 130, 25, 195_500
LOG_ROWS = 200  # rows of a loss curve (drl.training.loop)
EPOCH_ROWS = 7  # rows per outer epoch of fine-tuning
THEORY_ROWS = 30  # rows per t of the theory study
CODE = 24  # bytes per row of a file of 2-d codes
FEW_ROWS = 50  # rows of jobs that do not give their own number


class Bytes(NamedTuple):
    """Bytes on disk.

    Attributes:
        left: Bytes of a job's outputs.
        state: The most bytes that an unfinished job keeps: it may hold three states while it rewrites one.
    """

    left: int
    state: int = 0


class Size(NamedTuple):
    """Bytes of a method's weights.

    Attributes:
        model: Bytes of one copy of all parts that a model file keeps.
        encoder: Bytes of the network that makes the codes, with its batch statistics; 0 if there are no codes.
        trained: Bytes of all parameters that the optimiser and the averages follow.
        tensors: Number of tensors in one copy.
        encoder_tensors: Number of that network's tensors.
    """

    model: int
    encoder: int
    trained: int
    tensors: int
    encoder_tensors: int


Facts = tuple[int, int, int]  # channels, image size, classes
SizeOf = Callable[[Recipe, Facts], Size]


def _facts(config: Config, axes: Axes) -> Facts:
    images = config.datasets[str(axes["dataset"])]
    return images.channels, images.image_size, images.classes


def _pixels(images: ImageSettings) -> int:
    return images.channels * images.image_size**2


def _left(count: Callable[[Config, Any, Any], int]) -> Callable[[Config, Any, Axes, SizeOf], Bytes]:
    """Return a function for jobs without a state, from a count by configuration, settings and dataset."""

    def disk(config: Config, settings: Any, axes: Axes, size_of: SizeOf) -> Bytes:
        return Bytes(count(config, settings, config.datasets.get(str(axes.get("dataset")))))

    return disk


few_rows = _left(lambda config, job, images: FEW_ROWS * ROW)
draw = _left(lambda config, job, images: ITEM)
# Images, their labels and positions, and their names.
prepare = _left(lambda config, job, images: (images.train + images.test) * (_pixels(images) + 2 * 8 + NAME))
# Codes of the test images, and a picture.
latent_grid = _left(lambda config, job, images: CODE * images.test + job.latent_grid.cells**2 * _pixels(images))
one_code = _left(lambda config, job, images: job.one_code.columns**2 * _pixels(images))
theory = _left(lambda config, job, images: ROW * THEORY_ROWS * len(config.studies.theory.t))


def pretrain(config: Config, settings: Any, axes: Axes, size_of: SizeOf) -> Bytes:
    """Weights and their averages, snapshots of the encoder, curves."""
    size, usage = size_of(settings.recipe, _facts(config, axes)), settings.code_usage
    iterations = settings.recipe.iterations
    kept = min(settings.snapshots, iterations) + 1 if iterations else 0
    snapshots = kept * (size.encoder + HEADER * size.encoder_tensors)
    rows = 3 * min(LOG_ROWS, iterations) + 3 * usage.times * len(usage.t)
    weights = 2 * (size.model + HEADER * size.tensors)
    return Bytes(weights + snapshots + ROW * rows, 3 * (size.model + 3 * size.trained + snapshots))


def probe(config: Config, settings: Any, axes: Axes, size_of: SizeOf) -> Bytes:
    """A row for each budget, t and seed, for validation and test images."""
    protocol = config.studies.probe
    arms = len(protocol.label_budgets) + (1 if protocol.trajectory else 0)
    probes = arms * len(protocol.t) * len(protocol.seeds)
    return Bytes(ROW * 2 * probes + _bits(config, axes, probes))


def few_shot(config: Config, settings: Any, axes: Axes, size_of: SizeOf) -> Bytes:
    """A row for each number of labels and t, for validation and test images."""
    protocol = settings.few_shot
    machines = len(protocol.labels) * len(protocol.t)
    return Bytes(ROW * 2 * machines + _bits(config, axes, machines))


def later_start(config: Config, settings: Any, axes: Axes, size_of: SizeOf) -> Bytes:
    """All samples; a state holds at most as many bytes."""
    cells = settings.later_start
    samples = cells.repeats * len(cells.priors) * len(cells.t_init) * cells.images
    left = samples * _pixels(config.datasets[str(axes["dataset"])])
    return Bytes(left, left + CARD + LOG)


def fine_tune(config: Config, settings: Any, axes: Axes, size_of: SizeOf) -> Bytes:
    """The classifier, and rows for each epoch."""
    study = config.studies.fine_tune
    schedule = Schedule.of(settings.labels, config.datasets[str(axes["dataset"])].train, settings.fine_tune)
    epochs = study.early_epoch if settings.arm.until == "early" else schedule.epochs
    size = size_of(resolve_recipe(config, study.network_of, str(axes["dataset"])), _facts(config, axes))
    left = size.encoder + HEADER * size.encoder_tensors + ROW * EPOCH_ROWS * epochs + _bits(config, axes, epochs)
    return Bytes(left, 3 * size.encoder * (3 if settings.arm.t_init == "search" else 2))


def _bits(config: Config, axes: Axes, rows: int) -> int:
    """Return the bytes that say which test images were classified rightly, in so many rows."""
    return rows * (config.datasets[str(axes["dataset"])].test // 8 + 1 + 8)
