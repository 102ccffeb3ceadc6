"""Settings of drawings: names in the order of panels, lines and rows, and the numbers to show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from drl.config.base import Select, Settings, WithoutAbsent
from drl.config.fine_tuning import Beyond, Logit
from drl.config.verdict import VerdictSettings

Pairs = tuple[tuple[str, str], ...]  # name, and title or legend name; a tuple, so that the order survives JSON


class ItemJob(WithoutAbsent):
    """Settings of `drl figure`, `drl table` and `drl study`.

    A study whose figures need more settings has its own class below, which ITEM_TYPES names.

    Attributes:
        LOOKS: Fields that change how an item looks, but not which numbers it shows.
    """

    LOOKS: ClassVar[frozenset[str]] = frozenset({"drawn_by", "scale", "published", "changed"})

    study: str
    drawn_by: str = Field(default="", pattern="^[a-z0-9_]*$", max_length=64)  # a module of drl.reporting
    scale: str = ""
    datasets: Pairs
    recipes: Pairs = ()
    changed: tuple[str, ...] | None = None  # legend names of recipes whose settings are not those of the project
    published: str | None = None  # digest of the paper's numbers, for tables

    def choosing(self) -> dict[str, Any]:
        """Return the plain values that choose the item's numbers: no titles of datasets and no fields in LOOKS."""
        values = self.model_dump(mode="json", exclude=set(self.LOOKS))
        return values | {"datasets": [[name, name] for name in self.dataset_names()]}

    def dataset_names(self) -> tuple[str, ...]:
        """Return the names of the datasets, in order."""
        return tuple(name for name, _ in self.datasets)

    def recipe_names(self) -> tuple[str, ...]:
        """Return the names of the recipes, in order."""
        return tuple(name for name, _ in self.recipes)


class ProbeItem(ItemJob):
    """Probe accuracy: the number of labels per dataset, and whether probes of the whole trajectory are shown too."""

    LOOKS = ItemJob.LOOKS | {"trajectory"}

    budgets: dict[str, int]
    trajectory: bool = False


class FewShotItem(ItemJob):
    """Few-shot accuracy: numbers of labels, the members of each sweep, and every t for a study of your own images."""

    labels: tuple[int, ...]
    choices: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    t: tuple[float, ...] = ()


class SilhouetteItem(ItemJob):
    """Silhouettes: the members of each recipe's sweep, which are the points of its line."""

    members: dict[str, tuple[str, ...]]


class LatentGridItem(ItemJob):
    """Latent squares: half the side of each recipe's square."""

    LOOKS = ItemJob.LOOKS | {"extents"}

    extents: dict[str, float] = Field(default_factory=dict)


class LaterStartItem(ItemJob):
    """Samples from later starts: rows, columns, samples per cell, and how many are shown along each side of a cell."""

    priors: tuple[str, ...]
    t_init: tuple[float, ...]
    images: int
    shown: int


class FidItem(ItemJob):
    """FID by t_init: rows, columns, and the samples and features that are scored."""

    LOOKS = ItemJob.LOOKS | {"priors", "t_init", "images", "extractor", "repeats"}

    priors: tuple[str, ...] = ()
    t_init: tuple[float, ...] = ()
    images: int = 0
    extractor: Literal["inception", "supervised"] = "inception"
    repeats: int = 1


class LearningSpeedItem(ItemJob):
    """Accuracy over training: the accuracy to reach in percent, and which recipes are compared."""

    accuracy: float
    pairs: Pairs


class TrajectoryArm(Settings):
    """One line of the figure of the learned t: where t starts, and whether its logit has weight decay."""

    name: str
    label: str
    t_init: Logit | Literal["search"]
    weight_decay_on_t: bool


class TrajectoryItem(ItemJob):
    """The learned t over fine-tuning: arms, and the number of labels per dataset."""

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
    select: Select


class BeyondRow(Beyond):
    """A row below a table that the paper's table does not have, with its label."""

    label: str


class FineTuningItem(ItemJob):
    """Tables 1 to 5: arms, numbers of labels in the order of rows, and how the runs are read."""

    LOOKS = ItemJob.LOOKS | {"layout", "difference", "seeds", "splits"}

    number: int
    layout: Literal["settings_down", "arms_down"] = "settings_down"
    difference: bool = False
    arms: tuple[TableArm, ...]
    labels: tuple[tuple[str, tuple[int, ...]], ...]
    reading: Reading
    seeds: tuple[int, ...] = ()
    splits: tuple[int, ...] = ()
    beyond: tuple[BeyondRow, ...] = ()


# The class of the items about each study; studies that are not listed use ItemJob.
ITEM_TYPES: Mapping[str, type[ItemJob]] = {
    "probe": ProbeItem,
    "few_shot": FewShotItem,
    "silhouettes": SilhouetteItem,
    "latent_grid": LatentGridItem,
    "later_start": LaterStartItem,
    "fid": FidItem,
    "learning_speed": LearningSpeedItem,
}


def parse_item(values: Mapping[str, Any]) -> ItemJob:
    """Return an item's settings as its study's class; for fine-tunings, as a table's if they have a number."""
    study = str(values.get("study"))
    if study == "fine_tune":
        return (FineTuningItem if "number" in values else TrajectoryItem).model_validate(values)
    return ITEM_TYPES.get(study, ItemJob).model_validate(values)


class CompareJob(VerdictSettings):
    """Settings of `drl compare`: the datasets of the tables, and how far numbers may differ."""

    scale: str
    datasets: dict[str, tuple[str, ...]]
    extractor: Literal["inception", "supervised"]
    images: int
    published: str


class ClaimsJob(Settings):
    """Settings of `drl claims`: the items whose measurements claims rest on, and the certainty that claims need.

    `items` maps names to the values that choose each item's numbers (`ItemJob.choosing`).
    """

    scale: str
    confidence: float = Field(gt=0, lt=1)
    items: dict[str, dict[str, Any]]

    @model_validator(mode="after")
    def _items_are_whole(self) -> ClaimsJob:
        self.parsed()
        return self

    def parsed(self) -> dict[str, ItemJob]:
        """Return the items' settings, each as the class of its study."""
        return {name: parse_item(values) for name, values in self.items.items()}
