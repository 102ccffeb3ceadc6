"""What drawings are told: names in the order of panels, lines and rows, and which numbers are shown."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from drl.config.base import Settings

Pairs = tuple[tuple[str, str], ...]  # name, and title or legend name; a tuple, so that the order survives JSON


class ItemJob(Settings):
    """Settings of `drl figure`, `drl table` and `drl study`.

    A study whose figures want more than this has a class of its own below, which its Study names as `item_type`.
    """

    study: str
    drawn_by: str
    scale: str
    datasets: Pairs
    recipes: Pairs = ()
    published: str | None = None  # digest of the paper's numbers, for tables

    def dataset_names(self) -> tuple[str, ...]:
        """Return the names of the datasets, in order."""
        return tuple(name for name, _ in self.datasets)

    def recipe_names(self) -> tuple[str, ...]:
        """Return the names of the recipes, in order."""
        return tuple(name for name, _ in self.recipes)


class ProbeItem(ItemJob):
    """Probe accuracy: the number of labels by dataset, and whether the whole trajectory is shown too."""

    budgets: dict[str, int]
    trajectory: bool = False


class FewShotItem(ItemJob):
    """Few-shot accuracy: numbers of labels, the members of each sweep, and for a study of own images every t."""

    labels: tuple[int, ...]
    choices: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    t: tuple[float, ...] = ()


class SilhouetteItem(ItemJob):
    """Silhouettes: the members of each recipe's sweep, which are the points of its line."""

    members: dict[str, tuple[str, ...]]


class LatentGridItem(ItemJob):
    """Latent squares: half the side of each recipe's square."""

    extents: dict[str, float]


class LaterStartItem(ItemJob):
    """Samples from later starts: rows, columns, samples per cell, and how many of them are shown along a side."""

    priors: tuple[str, ...]
    t_init: tuple[float, ...]
    images: int
    shown: int


class FidItem(ItemJob):
    """FID by t_init: rows, columns, and what the scores are of."""

    priors: tuple[str, ...]
    t_init: tuple[float, ...]
    images: int
    extractor: str
    repeats: int


class LearningSpeedItem(ItemJob):
    """Accuracy over training: the accuracy to reach in percent, and which recipes are compared."""

    accuracy: float
    pairs: Pairs


class TrajectoryArm(Settings):
    """One line of the figure of the learned t: where t starts, and whether its logit has weight decay."""

    name: str
    label: str
    t_init: float
    weight_decay_on_t: bool


class TrajectoryItem(ItemJob):
    """The learned t over fine-tuning: arms, and the number of labels by dataset."""

    arms: tuple[TrajectoryArm, ...]
    labels: dict[str, int]


class TableArm(Settings):
    """One column or row of a table; a baseline starts from fresh weights."""

    name: str
    label: str
    baseline: bool


class Reading(Settings):
    """Where a table reads its runs: at an outer epoch or at the end (None), and which epoch counts."""

    epoch: int | None
    select: Literal["last", "best_val"]


class BeyondRow(Settings):
    """A row below a table that the paper does not have."""

    arm: str
    label: str
    in_place_of: str
    dataset: str
    labels: int


class FineTuningItem(ItemJob):
    """Tables 1 to 5: arms, numbers of labels in the order of rows, and how the runs are read."""

    number: int
    layout: Literal["settings_down", "arms_down"]
    difference: bool
    arms: tuple[TableArm, ...]
    labels: tuple[tuple[str, tuple[int, ...]], ...]
    reading: Reading
    seeds: tuple[int, ...]
    splits: tuple[int, ...]
    beyond: tuple[BeyondRow, ...] = ()


class CompareJob(Settings):
    """Settings of `drl compare`: which datasets the tables are of, and how far numbers may lie apart."""

    scale: str
    datasets: dict[str, tuple[str, ...]]
    extractor: str
    images: int
    published: str
    confidence: float
    tolerance: dict[str, float]


class ClaimsJob(Settings):
    """Settings of `drl claims`: the items whose measurements claims rest on, and how sure a claim must be.

    `items` holds each item's settings as its drawing has them, by name.
    """

    scale: str
    confidence: float
    items: dict[str, dict[str, object]]
