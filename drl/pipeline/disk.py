"""How many bytes each step's jobs leave on disk, and how many an unfinished one keeps beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from drl.config.jobs import FineTuneJob, LaterStartJob, PretrainJob
from drl.config.recipes import Recipe
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.laplacenet.schedule import Schedule
from drl.pipeline.work import Axes

# Measured on the files of scale demo, bytes: of a row of a CSV, of a run card, of a log with its benchmark file, of a
# tensor in a safetensors header, of a row of an image's name, of an item's SVG, PNG and CSV together.
ROW, CARD, LOG, HEADER, NAME, ITEM = 75, 3000, 1500, 130, 25, 195_500
LOG_ROWS = 200  # of a loss curve (drl.training.loop)
EPOCH_ROWS = 7  # of an outer epoch of fine-tuning
THEORY_ROWS = 30  # of each t of the theory study
CODE = 24  # a row of a file of 2-d codes
FEW_ROWS = 50  # what jobs leave that say nothing else


class Bytes(NamedTuple):
    """Bytes on disk.

    Attributes:
        left: Of a job's outputs.
        state: That an unfinished job keeps at most: it may hold three states while it writes one anew.
    """

    left: int
    state: int = 0


@dataclass(frozen=True)
class Size:
    """Bytes of a method's weights.

    Attributes:
        model: Of all parts that a model file keeps, once.
        encoder: Of the encoder, with its batch statistics.
        trained: Of all parameters that an optimiser and averages follow.
        tensors: How many a model file keeps once.
        encoder_tensors: How many are the encoder's.
    """

    model: int
    encoder: int
    trained: int
    tensors: int
    encoder_tensors: int


Facts = tuple[int, int, int]  # channels, image size, classes
SizeOf = Callable[[Recipe, Facts], Size]


def _pixels(config: Config, axes: Axes) -> int:
    images = config.datasets[str(axes["dataset"])]
    return images.channels * images.image_size**2


def _facts(config: Config, axes: Axes) -> Facts:
    images = config.datasets[str(axes["dataset"])]
    return images.channels, images.image_size, images.classes


def few_rows(config: Config, settings: Any, axes: Axes, size_of: SizeOf) -> Bytes:
    """A few dozen rows."""
    return Bytes(FEW_ROWS * ROW)


def draw(config: Config, settings: Any, axes: Axes, size_of: SizeOf) -> Bytes:
    """A drawing in all its forms."""
    return Bytes(ITEM)


def prepare(config: Config, settings: Any, axes: Axes, size_of: SizeOf) -> Bytes:
    """Images, their labels and positions, and their names."""
    images = config.datasets[str(axes["dataset"])]
    return Bytes((images.train + images.test) * (_pixels(config, axes) + 2 * 8 + NAME))


def pretrain(config: Config, settings: PretrainJob, axes: Axes, size_of: SizeOf) -> Bytes:
    """Weights and their averages, snapshots of the encoder, curves."""
    size, usage = size_of(settings.recipe, _facts(config, axes)), settings.code_usage
    iterations = settings.recipe.iterations
    kept = min(settings.snapshots, iterations) + 1 if iterations else 0
    snapshots = kept * (size.encoder + HEADER * size.encoder_tensors)
    rows = 3 * min(LOG_ROWS, iterations) + 3 * usage.times * len(usage.t)
    weights = 2 * (size.model + HEADER * size.tensors)
    return Bytes(weights + snapshots + ROW * rows, 3 * (size.model + 3 * size.trained + snapshots))


def probe(config: Config, settings: Any, axes: Axes, size_of: SizeOf) -> Bytes:
    """A row for each budget, t and seed, of validation and test images."""
    protocol = config.studies.probe
    arms = len(protocol.label_budgets) + (1 if protocol.trajectory else 0)
    return Bytes(ROW * arms * 2 * len(protocol.t) * len(protocol.seeds))


def latent_grid(config: Config, settings: Any, axes: Axes, size_of: SizeOf) -> Bytes:
    """Codes of the test images, and a picture."""
    tests, cells = config.datasets[str(axes["dataset"])].test, settings.latent_grid.cells
    return Bytes(CODE * tests + cells**2 * _pixels(config, axes))


def one_code(config: Config, settings: Any, axes: Axes, size_of: SizeOf) -> Bytes:
    """A picture."""
    return Bytes(settings.one_code.columns**2 * _pixels(config, axes))


def later_start(config: Config, settings: LaterStartJob, axes: Axes, size_of: SizeOf) -> Bytes:
    """All samples; a state holds as much at most."""
    cells = settings.later_start
    count = cells.repeats * len(cells.priors) * len(cells.t_init) * cells.images
    return Bytes(count * _pixels(config, axes), count * _pixels(config, axes) + CARD + LOG)


def theory(config: Config, settings: Any, axes: Axes, size_of: SizeOf) -> Bytes:
    """Rows for each t."""
    return Bytes(ROW * THEORY_ROWS * len(config.studies.theory.t))


def fine_tune(config: Config, settings: FineTuneJob, axes: Axes, size_of: SizeOf) -> Bytes:
    """The classifier, and rows for each epoch."""
    study = config.studies.fine_tune
    schedule = Schedule.of(settings.labels, config.datasets[str(axes["dataset"])].train, settings.fine_tune)
    epochs = study.early_epoch if settings.arm.until == "early" else schedule.epochs
    size = size_of(resolve_recipe(config, study.network_of, str(axes["dataset"])), _facts(config, axes))
    left = size.encoder + HEADER * size.encoder_tensors + ROW * EPOCH_ROWS * epochs
    return Bytes(left, 3 * size.encoder * (3 if settings.arm.t_init == "search" else 2))
